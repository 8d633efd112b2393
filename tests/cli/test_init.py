"""splitter init: what it writes can be run as it is, and is nobody else's to read."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest

from splitter.config.load import load
from splitter.core.net import Address
from splitter.transport.x509 import validity
from tests.cli.kit import splitter

SBC, CENTRE = ("--sbc", "127.0.0.2"), ("--centre", "127.0.0.3:5080")


def begin(file: Path, *more: str) -> str:
    result = splitter("init", str(file), *SBC, *CENTRE, *more)
    assert result.exit_code == 0, result.stderr
    return result.stdout


class TestInit:
    def test_two_addresses_are_all_that_it_needs(self, tmp_path: Path) -> None:
        said = begin(tmp_path / "s.toml")
        settings = load(tmp_path / "s.toml")
        assert settings.trunks["sbc"].address == Address("127.0.0.2", 5060) and settings.trunks["sbc"].trusted
        assert settings.trunks["pbx"].address == Address("127.0.0.3", 5080)
        assert [route.called.pattern for route in settings.routes] == [".*"]
        assert "let it take voice calls from there" in said
        assert len((tmp_path / "s.toml").read_text().splitlines()) <= 25

    def test_asks_for_what_is_not_given(self, tmp_path: Path) -> None:
        from click.testing import CliRunner

        from splitter.cli import main

        file = tmp_path / "s.toml"
        result = CliRunner().invoke(main, ["init", str(file)], input="nonsense\n127.0.0.2\n127.0.0.3:5080\n")
        assert result.exit_code == 0 and "nonsense" in result.output
        assert load(file).trunks["pbx"].address == Address("127.0.0.3", 5080)

    def test_two_addresses_of_ours_are_two_networks(self, tmp_path: Path) -> None:
        begin(tmp_path / "s.toml", "--outer", "127.0.0.1:5062", "--inner", "127.0.0.9")
        networks = load(tmp_path / "s.toml").networks
        assert {name: str(network.listeners[0].address) for name, network in networks.items()} == {
            "access": "127.0.0.1:5062",
            "core": "127.0.0.9:5060",
        }

    def test_neighbours_on_one_host_are_told_apart_by_port(self, tmp_path: Path) -> None:
        splitter("init", str(tmp_path / "s.toml"), "--sbc", "127.0.0.2:5070", "--centre", "127.0.0.2:5080")
        trunks = load(tmp_path / "s.toml").trunks
        assert not set(trunks["sbc"].peers) & set(trunks["pbx"].peers)

    def test_ipv6(self, tmp_path: Path) -> None:
        result = splitter(
            "init", str(tmp_path / "s.toml"), "--sbc", "[::1]:5070", "--centre", "[::1]:5090", "--agent", "8001"
        )
        assert result.exit_code == 0, result.stderr
        settings = load(tmp_path / "s.toml")
        assert settings.api.listen == (Address("::1", 8443),)

    def test_an_agent_gets_a_desk_that_browsers_give_the_camera(self, tmp_path: Path) -> None:
        said = begin(tmp_path / "s.toml", "--agent", "8001")
        settings = load(tmp_path / "s.toml", expiry=True)
        [account] = settings.accounts
        assert (account.user, account.extension) == ("8001", "8001") and account.password in said
        assert settings.api.listen == (Address("127.0.0.1", 8443),)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.api.certificate, settings.api.key)
        assert validity(Path(settings.api.certificate).read_text()).ends > 0

    def test_nobody_else_may_read_what_it_writes(self, tmp_path: Path) -> None:
        begin(tmp_path / "s.toml", "--agent", "8001")
        for name in ("s.toml", "desk.pem"):
            assert not (tmp_path / name).stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP)

    def test_writes_over_nothing(self, tmp_path: Path) -> None:
        file = tmp_path / "s.toml"
        file.write_text("mine")
        result = splitter("init", str(file), *SBC, *CENTRE)
        assert result.exit_code == 1 and "is there already" in result.stderr and file.read_text() == "mine"
        begin(file, "--force")

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (("--numbers", "(110"), "is not a regular expression"),
            (("--inner", "10.0.0.300"), "10.0.0.300"),
            (("--agent", "80 01"), "is no extension"),
        ],
    )
    def test_refuses_what_will_not_do(self, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
        result = splitter("init", str(tmp_path / "s.toml"), *SBC, *CENTRE, *more)
        assert result.exit_code and said in result.stderr
        assert not (tmp_path / "s.toml").exists()

    def test_warns_of_an_address_that_is_not_here(self, tmp_path: Path) -> None:
        result = splitter("init", str(tmp_path / "s.toml"), *SBC, *CENTRE, "--outer", "203.0.113.7")
        assert "this machine has no address 203.0.113.7" in result.stderr
