"""[[webhook]]: what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.calls.webhook import Webhook
from splitter.config.load import load, parse
from splitter.core.errors import ConfigError
from tests.config.test_reference import REFERENCE

GOOD = 'name = "crm"\nurl = "https://crm.example.org/x"\nsecret = "0123456789abcdef"\n'


def problems(*tables: str) -> list[str]:
    """What is wrong with these tables, after what the file is."""
    with pytest.raises(ConfigError) as error:
        parse(base() + "".join(f"\n[[webhook]]\n{table}" for table in tables))
    return [line.split(": ", 1)[1] for line in error.value.problems]


def base() -> str:
    """The reference without its webhook."""
    text = REFERENCE.read_text(encoding="utf-8")
    start = text.index("\n[[webhook]]")
    end = text.index("\n# ---- ", start)
    return text[:start] + text[end:]


def read(table: str) -> Webhook:
    [hook] = parse(base() + f"\n[[webhook]]\n{table}").webhooks
    return hook


class TestReading:
    def test_the_least(self) -> None:
        assert read(GOOD) == Webhook("crm", "https://crm.example.org/x", "0123456789abcdef")

    def test_everything(self) -> None:
        more = 'events = ["notice", "call"]\ntimeout_s = 2.5\nattempts = 3\nqueue = 7\nca = "ca.pem"\ninsecure = true\n'
        hook = read(GOOD + more)
        assert hook == Webhook("crm", hook.url, hook.secret, ("notice", "call"), 2.5, 3, 7, ca="/ca.pem", insecure=True)

    def test_its_secret_is_not_shown(self) -> None:
        assert "0123456789abcdef" not in repr(read(GOOD))

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/x"])
    def test_plain_http_to_ourselves(self, url: str) -> None:
        assert read(GOOD.replace("https://crm.example.org/x", url)).url == url

    def test_plain_http_where_it_is_wanted(self) -> None:
        assert read(GOOD.replace("https", "http") + "insecure = true\n").url.startswith("http:")


class TestProblems:
    @pytest.mark.parametrize("key", ["name", "url", "secret"])
    def test_what_it_must_have(self, key: str) -> None:
        table = "".join(f"{line}\n" for line in GOOD.splitlines() if not line.startswith(key))
        [problem] = problems(table)
        assert problem.startswith(f"webhook[1].{key}: is missing")

    def test_a_secret_that_can_be_guessed(self) -> None:
        [problem] = problems(GOOD.replace("0123456789abcdef", "hunter2"))
        assert "less than 16" in problem and "hunter2" not in problem

    def test_plain_http_to_others(self) -> None:
        [problem] = problems(GOOD.replace("https", "http"))
        assert "others can hear" in problem

    @pytest.mark.parametrize(
        "url", ["ftp://x/", "https://", "crm.example.org", "https://user:pass@crm/", "https://a b/"]
    )
    def test_what_is_no_address(self, url: str) -> None:
        [problem] = problems(GOOD.replace("https://crm.example.org/x", url))
        assert problem.startswith("webhook[1].url: ")

    def test_an_event_that_there_is_not(self) -> None:
        [problem] = problems(GOOD + 'events = ["calls"]\n')
        assert 'did you mean "call"' in problem

    def test_the_same_name_twice(self) -> None:
        [problem] = problems(GOOD, GOOD)
        assert problem.startswith("webhook[2].name: is that of webhook[1] too")

    def test_authorities_that_cannot_be_read(self, tmp_path: Path) -> None:
        file = tmp_path / "splitter.toml"
        (tmp_path / "broken.pem").write_text("no certificate")
        for name in ("missing.pem", "broken.pem"):
            file.write_text(base() + f'\n[[webhook]]\n{GOOD}ca = "{name}"\n')
            with pytest.raises(ConfigError) as error:
                load(file)
            assert any("webhook[1].ca" in line and name in line for line in error.value.problems)


class TestBinding:
    """The keys of a centre about its agents."""

    def trunk(self, keys: str) -> object:
        return parse(base().replace("[trunk.pbx]", f"[trunk.pbx]\n{keys}\n", 1)).trunks["pbx"]

    def test_are_read(self) -> None:
        trunk = self.trunk('bind_from = ["From", "contact", "from"]\nextension_pattern = \'8\\d{3}\'')
        assert trunk.bind_from == ("from", "contact")  # type: ignore[attr-defined]
        assert trunk.extension_pattern.pattern == r"8\d{3}"  # type: ignore[attr-defined]

    def test_nothing_binds(self) -> None:
        assert self.trunk("bind_from = []").bind_from == ()  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ('bind_from = ["p-asserted-identiy"]', 'did you mean "p-asserted-identity"'),
            ("extension_pattern = '8(00'", "is not a regular expression"),
        ],
    )
    def test_problems(self, keys: str, words: str) -> None:
        with pytest.raises(ConfigError) as error:
            self.trunk(keys)
        assert words in error.value.problems[0]

    @pytest.mark.parametrize("key", ["bind_from = []", 'extension_pattern = "8"'])
    def test_are_for_centres(self, key: str) -> None:
        with pytest.raises(ConfigError) as error:
            parse(base().replace("[trunk.sbc]", f"[trunk.sbc]\n{key}\n", 1))
        assert "is for trunks of role centre" in error.value.problems[0]
