"""Addresses as sources of requests."""

from __future__ import annotations

import pytest

from splitter.core.net import numeric, source_of


class TestSource:
    @pytest.mark.parametrize(
        ("host", "source"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2::7", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
            ("2001:db8:1:3::7", "2001:db8:1:3::"),
            ("fe80::1%eth0", "fe80::"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::1", "::"),
            ("", ""),
            ("a name", "a name"),
        ],
    )
    def test_of_ipv6_is_the_network_that_its_owner_has(self, host: str, source: str) -> None:
        assert source_of(host) == source


def test_a_literal_is_read_once_and_no_long_one_is_kept() -> None:
    assert numeric("192.0.2.1") is numeric("192.0.2.1")
    endless = "fe80::1%" + "x" * 10_000
    assert numeric(endless) is not numeric(endless)
    with pytest.raises(ValueError):
        numeric("sbc.example")
