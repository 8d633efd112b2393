"""[api] and [[token]]: an API that others could overhear, or that nobody could use, is told before the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.calls.logins.access import Scope
from splitter.config.load import load, parse
from splitter.config.model import Settings
from splitter.core.errors import ConfigError
from splitter.core.net import Address
from tests.config.test_accounts import BASE
from tests.transport.pki import paper

SHA = "ab" * 32
TOKEN = f'[[token]]\nname = "crm"\nsha256 = "{SHA}"\nscopes = ["calls:read"]\n'


def text(rest: str) -> str:
    return BASE.format(pbx="", seats="", rest=rest)


def settings(rest: str) -> Settings:
    return parse(text(rest), "f.toml")


def problems(rest: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings(rest)
    return caught.value.problems


class TestListening:
    def test_nowhere_unless_it_is_asked_for(self) -> None:
        assert settings("").api.listen == ()

    def test_on_loopback_needs_no_certificate(self) -> None:
        listen = settings('[api]\nlisten = ["127.0.0.1:8080", "[::1]:8080"]').api.listen
        assert listen == (Address("127.0.0.1", 8080), Address("::1", 8080))

    @pytest.mark.parametrize("address", ["10.0.0.5:8080", "0.0.0.0:8080", "[::]:8080"])
    def test_where_others_hear_it_needs_one(self, address: str) -> None:
        (problem,) = problems(f'[api]\nlisten = ["{address}"]')
        assert "api.listen[1]" in problem and "there is no certificate" in problem and "insecure = true" in problem
        assert settings(f'[api]\nlisten = ["{address}"]\ninsecure = true').api.insecure

    @pytest.mark.parametrize(
        ("rest", "taken"),
        [
            ('[api]\nlisten = ["127.0.0.1:8080", "127.0.0.1:8080"]', "api.listen[1]"),
            ('[api]\nlisten = ["127.0.0.1:9460"]\n[metrics]\nlisten = "127.0.0.1:9460"', "metrics.listen"),
            (
                '[api]\nlisten = ["0.0.0.0:9460"]\ninsecure = true\n[metrics]\nlisten = "127.0.0.1:9460"',
                "metrics.listen",
            ),
        ],
    )
    def test_on_a_port_that_is_taken_is_a_problem(self, rest: str, taken: str) -> None:
        (problem,) = problems(rest)
        assert f"is taken by {taken} already" in problem

    @pytest.mark.parametrize(
        ("rest", "problem"),
        [
            ("listen = []", "api.listen: is empty"),
            ('web_origins = ["https://crm.example"]', "api.listen: is missing"),
            ('listen = ["desk.example:443"]', "is not an IP address"),
            ('listen = ["https://127.0.0.1:443"]', "write address and port alone"),
            (
                'listen = ["127.0.0.1:1"]\nguest_url = "http://video.example/guest/"',
                "no camera to pages that come by http",
            ),
            ('listen = ["127.0.0.1:1"]\nguest_url = "https://video.example"', "would lead to the agents' console"),
            ('listen = ["127.0.0.1:1"]\nkey = "k.pem"', "api.key: has no meaning without a certificate"),
            ('listen = ["127.0.0.1:1"]\nclient_ca = "k.pem"', "api.client_ca: has no meaning without a certificate"),
            ('listen = ["127.0.0.1:1"]\nmedia_network = "acess"', 'did you mean "access"?'),
            ('listen = ["127.0.0.1:1"]\nguest_url = "video.example"', "is no address of a page"),
            ('listen = ["127.0.0.1:1"]\nguest_url = "https://video.example/?a=1"', "is no address of a page"),
            ('listen = ["127.0.0.1:1"]\nweb_origins = ["*"]', "is not an origin"),
            ('listen = ["127.0.0.1:1"]\ntoken_lifetime_s = 1', "out of range"),
        ],
    )
    def test_in_a_way_that_cannot_work_is_a_problem(self, rest: str, problem: str) -> None:
        (found,) = problems(f"[api]\n{rest}")
        assert problem in found


class TestCertificate:
    def test_is_looked_at_when_the_file_is_loaded(self, tmp_path: Path) -> None:
        file = tmp_path / "f.toml"
        file.write_text(text('[api]\nlisten = ["10.0.0.5:443"]\ncertificate = "c.pem"\nclient_ca = "none.pem"'))
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert "api.certificate" in caught.value.problems[0] and "api.client_ca" in caught.value.problems[1]
        assert "cannot be read" in caught.value.problems[1]

    def test_that_is_good_is_used_for_every_address(self, tmp_path: Path) -> None:
        file = tmp_path / "f.toml"
        made = paper()
        file.write_text(
            text(f'[api]\nlisten = ["10.0.0.5:443"]\ncertificate = "{made.certificate}"\nkey = "{made.key}"')
        )
        tls = load(file).api.tls
        assert tls is not None and tls.certificate == str(made.certificate)


class TestTokens:
    def test_are_read(self) -> None:
        (token,) = settings(TOKEN).tokens
        assert (token.name, token.sha256, token.scopes) == ("crm", SHA, frozenset({Scope.READ}))

    def test_hide_their_hash(self) -> None:
        assert SHA not in repr(settings(TOKEN))

    @pytest.mark.parametrize(
        ("rest", "problem"),
        [
            (f'[[token]]\nsha256 = "{SHA}"\nscopes = ["admin"]', "token[1].name: is missing"),
            ('[[token]]\nname = "x"\nscopes = ["admin"]', "token[1].sha256: is missing"),
            (f'[[token]]\nname = "x"\nsha256 = "{SHA}"', "token[1].scopes: is missing or empty"),
            ('[[token]]\nname = "x"\nsha256 = "abc"\nscopes = ["admin"]', "has not 64 hexadecimal digits"),
            (f'[[token]]\nname = "x"\nsha256 = "{SHA}"\nscopes = ["call:read"]', 'did you mean "calls:read"?'),
            (f'[[token]]\nname = "x"\nsha256 = "{SHA}"\nscopes = ["guest"]', "is nothing that a token may do"),
            (f'[[token]]\nname = "x"\nsha256 = "{SHA}"\nscopes = ["desk"]', "token[1].extension: is missing"),
            ('[[token]]\nname = "x"\ncertificate = "crm"\nscopes = ["admin"]', "nobody is asked for a certificate"),
            (f'[[token]]\nname = "a\\nb"\nsha256 = "{SHA}"\nscopes = ["admin"]', "is no name"),
        ],
    )
    def test_that_cannot_work_are_problems(self, rest: str, problem: str) -> None:
        assert any(problem in found for found in problems(rest))

    def test_that_cannot_be_told_apart_are_problems(self) -> None:
        found = problems(TOKEN + TOKEN)
        assert [line.partition(": token[2].")[2].partition(":")[0] for line in found] == ["name", "sha256"]


class TestSecret:
    """The file that logins are signed with."""

    def found(self, folder: Path, name: str) -> list[str]:
        file = folder / "f.toml"
        file.write_text(text(f'[api]\nlisten = ["127.0.0.1:8080"]\nsecret_file = "{name}"'))
        try:
            load(file)
        except ConfigError as error:
            return error.problems
        return []

    def test_one_that_is_not_there_is_made_later(self, tmp_path: Path) -> None:
        assert not self.found(tmp_path, "secret")

    def test_one_that_is_whole_is_good(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(bytes(32))
        assert not self.found(tmp_path, "secret")

    def test_one_that_is_short_is_a_problem(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(bytes(31))
        (problem,) = self.found(tmp_path, "secret")
        assert "api.secret_file" in problem and "less than 32 bytes; delete it" in problem

    def test_a_folder_is_a_problem(self, tmp_path: Path) -> None:
        (problem,) = self.found(tmp_path, ".")
        assert "is no file" in problem
