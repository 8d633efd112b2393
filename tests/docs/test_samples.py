"""What the documentation tells people to type can be typed: configurations load, commands and their options are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest

from splitter.cli import main
from splitter.config.load import load
from splitter.transport.certificate import self_signed
from tests.docs.commands import LEAVES, NOT_RUN, leaves, lines, why_not
from tests.docs.samples import DOCS, ROOT, Sample, pages, samples

# What a fragment needs around it, table by table; one that the fragment has itself is left out.
BASE = {
    "network.access": 'listen = ["udp:192.0.2.10:5060"]\n',
    "network.core": 'listen = ["udp:10.1.0.10:5060"]\n',
    "network.internet": 'listen = ["udp:192.0.2.11:5060"]\n',
    "trunk.sbc": 'role = "access"\nnetwork = "access"\naddress = "198.51.100.1"\npeers = ["198.51.100.0/28"]\n',
    "trunk.pbx": 'role = "centre"\nnetwork = "core"\naddress = "10.1.0.20"\n',
    "api": 'listen = ["10.1.0.10:8443"]\ncertificate = "/etc/splitter/desk.pem"\nkey = "/etc/splitter/desk.key"\n',
}
_TABLE = re.compile(r"^\[+([^\]]+)\]+", re.M)
_MAKE = re.compile(r"^([a-z]+):", re.M)
_UNITS = {"splitter", "splitter.service", "splitter-media@1.service", "valkey-server", "keepalived", "nginx"}
# Programs of others that the pages use; what they are given is not ours to know.
OTHERS = {"apt", "asterisk", "certbot", "curl", "cp", "fs_cli", "git", "install", "journalctl", "openssl", "pip", "promtool"} | {
    "python3", "rm", "scp", "sqlite3", "ss", "sudo", "sysctl", "tar", "tcpdump", "cd", "export", "sipsak", "systemd-analyze",
    "tee", "chown", "chmod", "fwconsole", "nft", "dpkg", "ip", "mkdir", "cat", "sngrep", "chronyc", "docker", "podman",
    "kubectl", "python", "systemd-sysusers", "systemd-tmpfiles",
}  # fmt: skip


def whole(fragment: str, folder: Path) -> str:
    """A fragment of a configuration with what it needs around it; files of /etc/splitter stand in a folder."""
    assert fragment.lstrip().startswith(("[", "#")), "a sample begins with the table that its keys stand in"
    there = set(_TABLE.findall(fragment))
    text = "".join(f"[{name}]\n{keys}\n" for name, keys in BASE.items() if name not in there) + fragment
    for name in there & set(BASE):
        said = re.search(rf"^\[{re.escape(name)}\](?:(?!^\[).)*", fragment, re.M | re.S)
        assert said is not None
        lacking = [line for line in BASE[name].splitlines() if not re.search(rf"^{line.split()[0]} =", said[0], re.M)]
        text = text.replace(f"[{name}]", "\n".join([f"[{name}]", *lacking]), 1)
    if "from" not in fragment or "route" not in there:
        text += "\n[[route]]\ncalled = '.*'\nto = [\"pbx\"]\n"
    return text.replace("/etc/splitter/", f"{folder}/").replace("/var/lib/splitter", str(folder))


class TestConfigurations:
    @pytest.mark.parametrize("sample", samples("toml"), ids=str)
    def test_loads(self, sample: Sample, tmp_path: Path) -> None:
        tomllib.loads(sample.text)
        pem = self_signed("10.1.0.10", "desk")
        for name in set(re.findall(r'"(?:/etc/splitter/)?([\w.-]+\.(?:pem|key))"', sample.text)) | {
            "desk.pem",
            "desk.key",
        }:
            (tmp_path / name).write_text(pem)
        for name in set(re.findall(r'"/etc/splitter/([\w-]+)"', sample.text)):
            (tmp_path / name).write_text("secret\n")
        file = tmp_path / "splitter.toml"
        file.write_text(whole(sample.text, tmp_path))
        load(file)

    def test_no_sample_is_without_its_language(self) -> None:
        """A block that nobody checks is at least said to be text."""
        assert not [str(one) for one in samples("")]


class TestCommands:
    @pytest.mark.parametrize("sample", samples("sh", "console"), ids=str)
    def test_can_be_typed(self, sample: Sample) -> None:
        subprocess.run(["sh", "-n"], input=sample.text, text=True, check=True)
        for line in sample.text.replace("\\\n", " ").splitlines():
            for command in re.split(r"\s(?:&&|\|\|?|;)\s", line.removeprefix("$ ")):
                words = shlex.split(command.partition(" > ")[0], comments=True)
                while words and (words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=.*", words[0])):
                    words = words[1:]
                if words:
                    judge(words)

    def test_are_run_by_a_test_or_there_is_a_reason(self) -> None:
        run = {line for line in lines() if leaves(line) or line.startswith("splitter ")}
        assert not [line for line in lines() if line not in run and not why_not(line)]
        assert not [line for line in run if leaves(line) and why_not(line)]

    def test_no_reason_is_left_over(self) -> None:
        assert not [
            pattern for pattern in (*NOT_RUN, *LEAVES) if not any(re.fullmatch(pattern, one) for one in lines())
        ]

    def test_the_pages_name_commands_that_are_there(self) -> None:
        """In running text: `splitter why ID` must be one, too."""
        for page in pages():
            for said in re.findall(r"`splitter ([a-z][^`…]*)`", page.read_text(encoding="utf-8")):
                words = said.split()
                assert main.get_command(click.Context(main), words[0]), f"{page.name}: splitter {said}"


def judge(words: list[str]) -> None:
    """One command of a sample: the program is known, and of ours everything behind it."""
    program = Path(words[0]).name
    if program == "splitter":
        parse(words[1:])
    elif program == "make":
        targets = _MAKE.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
        assert all(word in targets for word in words[1:] if "=" not in word), words
    elif program == "systemctl":
        assert set(words[2:]) - {"--now"} <= _UNITS or words[1] in ("daemon-reload", "edit"), words
    else:
        assert program in OTHERS, words


def parse(words: list[str]) -> None:
    """What click makes of it; nothing is run, and nobody is asked."""
    with pytest.MonkeyPatch.context() as patch, suppress(click.exceptions.Exit):  # --help and --version leave
        patch.setattr(click.Option, "prompt_for_value", lambda *_: "192.0.2.1")
        context = main.make_context("splitter", list(words))
        command: click.Command | None = main
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None
            context = command.make_context(name, rest, parent=context)


class TestXml:
    """Of a centre that cannot be had here, its configuration is at least well-formed."""

    @pytest.mark.parametrize("file", sorted((ROOT / "sipconf").rglob("*.xml")), ids=lambda file: file.name)
    def test_is_well_formed(self, file: Path) -> None:
        root = ElementTree.parse(file).getroot()
        assert root.tag == "include"
        for extension in root.iter("extension"):
            assert "network_addr" in [one.get("field") for one in extension.iter("condition")], "anybody may call it"


def _in_folder(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}


class TestTranslations:
    @pytest.mark.parametrize("page", sorted(_in_folder(DOCS / "zh")))
    def test_says_to_type_the_same(self, page: str) -> None:
        """What is typed is no matter of language: what has changed in English alone is found here."""
        chinese, english = (_typed(folder / page) for folder in (DOCS / "zh", DOCS))
        assert [one for one in chinese if one not in english] == []
        assert [one for one in english if one not in chinese] == []

    @pytest.mark.parametrize("page", sorted(_in_folder(DOCS / "zh") - {"index.md", "glossary.md"}))
    def test_has_every_block_and_row(self, page: str) -> None:
        """A line of a table, or a sample, that is new in English alone."""
        texts = [(folder / page).read_text(encoding="utf-8") for folder in (DOCS / "zh", DOCS)]
        chinese, english = (Counter(re.findall(r"^ *(```\w+|\|)", text, re.M)) for text in texts)
        assert chinese == english

    def test_has_every_page(self) -> None:
        """But for what those who work on the code read in English."""
        english = {page for page in _in_folder(DOCS) if not page.startswith(("zh/", "decisions/", "site/"))}
        assert _in_folder(DOCS / "zh") == english - {"architecture.md", "changelog.md"}

    def test_links_stay_in_the_language(self) -> None:
        """A reader of Chinese is led to the English page where there is no other, or where it is said."""
        own = _in_folder(DOCS / "zh")
        for page in sorted((DOCS / "zh").rglob("*.md")):
            for words, link in re.findall(r"\[([^\]]*)\]\(([\w/.-]+\.md)", page.read_text(encoding="utf-8")):
                target = (page.parent / link).resolve().relative_to(DOCS).as_posix()
                assert "英文" in words or target not in own, f"{page.relative_to(ROOT)}: {target}"


def _typed(page: Path) -> list[str]:
    """The commands and configurations of a page, without comments."""
    found = [one.text for one in samples("sh", "toml") if one.place.startswith(f"{page.relative_to(ROOT)}:")]
    return [re.sub(r"\s+#.*", "", text).strip() for text in found]


class TestNames:
    def test_files_that_are_named_are_there(self) -> None:
        for page in pages():
            text = page.read_text(encoding="utf-8")
            for path in re.findall(r"`((?:sipconf|systemd|bench)/[\w./@-]*)`", text):
                assert (ROOT / path).exists(), f"{page.relative_to(DOCS)}: {path}"

    def test_metrics_that_are_named_are_there(self) -> None:
        known = set(re.findall(r'"(splitter_[a-z_]+)"', "".join(_sources("telemetry"))))
        for page in pages():
            text = page.read_text(encoding="utf-8")
            for name in set(re.findall(r"`(splitter_[a-z_]+)", text)):
                base = re.sub(r"_(bucket|count|sum)$", "", name)
                same = [one for one in known if one == base or (name.endswith("_") and one.startswith(name))]
                assert same or base.startswith("splitter_process_"), f"{page.name}: {name}"


def _sources(package: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (ROOT / "splitter" / package).rglob("*.py")]
