"""The scripts that make packages, where a machine does not give what they need: their words, and what they leave."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEBIAN = ROOT / "systemd/debian"


def script(path: Path, *arguments: object, tools: Path | None = None, **environment: str) -> tuple[int, str]:
    """Run one. Returns: exit status, and all that it printed. `tools` come before the machine's."""
    done = subprocess.run(
        ["sh", str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={"PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nowhere"} | environment,
    )
    return done.returncode, done.stdout + done.stderr


# What debootstrap leaves of the packages that it was told to include, its second argument.
_UNPACKED = (
    'mkdir -p {0}/var/lib/dpkg; echo "${{2#--include=}}" | tr , "\\n" | sed "s/^/Package: /" >{0}/var/lib/dpkg/status'
)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Programs that only seem to be some: root, apt with a proxy, and a debootstrap that notes how it was called."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, text in {
        "id": "echo ${UID_HERE:-0}",
        "apt-config": "echo \"proxy='http://apt.example:3142'\"",
        "apt-get": 'echo "http://theirs.example/debian/ Debian Debian main"',
        "debootstrap": f'echo "$http_proxy" "$@" >{tmp_path}/called; echo "cannot reach it"; {_UNPACKED.format(tmp_path / "system")}; exit ${{FAILS:-0}}',
        "python": 'echo "no route"; exit 1',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


class TestAFreshSystem:
    def make(self, tmp_path: Path, tools: Path, packages: str = "python3", **environment: str) -> tuple[int, str]:
        folder = tmp_path / "system"
        return script(DEBIAN / "fresh-system", "trixie", folder, packages, tools=tools, **environment)

    def test_is_fetched_as_apt_is_told_to_and_only_once(self, tmp_path: Path, tools: Path) -> None:
        assert self.make(tmp_path, tools)[0] == 0
        called = (tmp_path / "called").read_text()
        assert called.startswith("http://apt.example:3142 --variant=minbase --include=python3 trixie ")
        assert called.endswith("http://theirs.example/debian\n")
        (tmp_path / "called").unlink()
        assert self.make(tmp_path, tools) == (0, "") and not (tmp_path / "called").exists()

    def test_that_lacks_what_it_is_to_have_now_is_made_anew(self, tmp_path: Path, tools: Path) -> None:
        whole = (DEBIAN / "fresh-system", "--whole", "trixie", tmp_path / "system", "python3,systemd")
        self.make(tmp_path, tools)
        (tmp_path / "system/left").touch()
        assert script(*whole) == (1, "") and (tmp_path / "system/left").exists()
        assert self.make(tmp_path, tools, "python3,systemd")[0] == 0
        assert "--include=python3,systemd " in (tmp_path / "called").read_text()
        assert script(*whole) == (0, "") and not (tmp_path / "system/left").exists()

    def test_a_proxy_and_a_mirror_that_are_named_come_first(self, tmp_path: Path, tools: Path) -> None:
        self.make(tmp_path, tools, http_proxy="http://ours:1", MIRROR="http://mirror.example/debian")
        called = (tmp_path / "called").read_text()
        assert called.startswith("http://ours:1 ") and called.endswith("http://mirror.example/debian\n")

    def test_that_cannot_be_fetched_says_why_and_what_helps_and_is_not_complete(
        self, tmp_path: Path, tools: Path
    ) -> None:
        status, said = self.make(tmp_path, tools, FAILS="1")
        assert status == 1 and "cannot reach it" in said and "MIRROR=URL" in said and "http_proxy=" in said
        assert not (tmp_path / "system/.complete").exists()

    def test_needs_root_and_says_so(self, tmp_path: Path, tools: Path) -> None:
        status, said = self.make(tmp_path, tools, UID_HERE="1000")
        assert status == 1 and "needs root" in said and not (tmp_path / "called").exists()


def test_pip_that_gets_nothing_says_what_helps(tools: Path) -> None:
    status, said = script(ROOT / "requirements/pip", tools / "python", "install", "x")
    assert status == 1 and "no route" in said
    assert all(way in said for way in ("HTTPS_PROXY", "PIP_INDEX_URL", "make wheelhouse"))


class TestVersion:
    def tree(self, folder: Path) -> Path:
        (folder / "systemd/debian").mkdir(parents=True)
        shutil.copy(DEBIAN / "version", folder / "systemd/debian")
        shutil.copy(ROOT / "pyproject.toml", folder)
        return folder / "systemd/debian/version"

    def committed(self, folder: Path, date: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(
            ["git", "-C", str(folder), *who, "commit", "-q", "--allow-empty", "-m", date],
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": date},
            check=True,
        )
        return script(folder / "systemd/debian/version")[1].strip()

    def test_rises_with_each_commit_wherever_its_author_was(self, tmp_path: Path) -> None:
        self.tree(tmp_path)
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        first = self.committed(tmp_path, "2026-11-29T10:00:00+0800")
        second = self.committed(tmp_path, "2026-11-29T03:00:00+0000")
        for older, newer in ((first, second), ("0.1.0+debian12", f"{first}+debian12"), (second, "0.1.1")):
            assert subprocess.run(["dpkg", "--compare-versions", older, "lt", newer]).returncode == 0, (older, newer)

    def test_of_a_tree_without_git_is_the_programs_own(self, tmp_path: Path) -> None:
        assert script(self.tree(tmp_path))[1].strip() == "0.1.0"


def test_an_environment_is_known_by_its_python_and_what_is_locked(tmp_path: Path) -> None:
    (tmp_path / "systemd/debian").mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    for part in ("systemd/debian/environment", "systemd/wheelhouse", "requirements/for-python", "requirements/pip"):
        shutil.copy(ROOT / part, tmp_path / part)
    lock = tmp_path / "requirements/run.txt"
    names = []
    for python, text in (("Python 3.11.2", "a==1"), ("Python 3.13.5", "a==1"), ("Python 3.11.2", "a==2")):
        lock.write_text(text)
        names.append(script(tmp_path / "systemd/debian/environment", "name", python))
    assert len(set(names)) == 3 and all(status == 0 for status, _ in names)
