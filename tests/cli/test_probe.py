"""splitter probe: how it reaches the gateway, and what it says where it cannot. A real call: lab/test_probe."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.cli.probe import ways_of
from splitter.core.net import Address
from splitter.transport.settings import ListenPoint, Network
from tests.cli.kit import splitter
from tests.cli.test_doctor import configuration

NEAR = Address("192.0.2.10", 5060)


def network(host: str = NEAR.host, media: str = "", advertised: str | None = None) -> Network:
    return Network("n", (ListenPoint("udp", Address(host, 5060)),), media or host, advertised)


class TestWays:
    def test_are_the_gateways_own_addresses(self) -> None:
        ways = ways_of(network(), network("10.1.0.10"), None)
        assert (ways.gateway, ways.host, ways.desk_host, ways.behind) == (NEAR, NEAR.host, "10.1.0.10", {})
        assert ways_of(network(), network(), "192.0.2.11").host == "192.0.2.11"

    def test_before_a_nat_are_the_inner_ones(self) -> None:
        ways = ways_of(network(advertised="203.0.113.1"), network("10.1.0.10", advertised="203.0.113.2"), None)
        assert ways.behind == {"203.0.113.1": NEAR.host, "203.0.113.2": "10.1.0.10"}

    @pytest.mark.parametrize(("any_host", "here"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
    def test_to_one_that_listens_everywhere_are_this_machines(self, any_host: str, here: str) -> None:
        anywhere = network(any_host, advertised="203.0.113.1")
        ways = ways_of(anywhere, anywhere, None)
        assert (ways.gateway, ways.host, ways.desk_host) == (Address(here, 5060), here, here)
        assert ways.behind == {"203.0.113.1": here}
        assert ways_of(anywhere, anywhere, "10.1.0.9").gateway == Address("10.1.0.9", 5060)


class TestRefusals:
    def test_without_a_gateway(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.2:9", "127.0.0.1:7")
        result = splitter("probe", "9999", "-c", str(file))
        assert result.exit_code == 3 and "the probe cannot run from 127.0.0.1" in result.stderr

    @pytest.mark.parametrize(
        ("old", "new", "more", "said"),
        [
            ("", "", ("--trunk", "none"), "there are: sbc"),
            (
                'role = "access"',
                'role = "access"\nsrtp = "required"\nsrtp_in_clear = true',
                (),
                "encrypted media alone",
            ),
            ("[network.main]", "[network.main", (), "is not TOML"),
        ],
    )
    def test_of_what_it_cannot_test(self, tmp_path: Path, old: str, new: str, more: tuple[str, ...], said: str) -> None:
        file = configuration(tmp_path, "127.0.0.2:9", "127.0.0.1:7")
        file.write_text(file.read_text().replace(old, new) if old else file.read_text())
        result = splitter("probe", "9999", "-c", str(file), *more)
        assert result.exit_code == 1 and said in result.stderr
