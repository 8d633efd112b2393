"""Addresses of networks, and where URIs lead."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address
from splitter.transport.addressing import Addressing
from splitter.transport.settings import ListenPoint, Network


def addressing(*listeners: tuple[str, str, int], **fields: Any) -> Addressing:
    network = Network(
        "access", tuple(ListenPoint(kind, Address(host, port)) for kind, host, port in listeners), "10.0.0.5", **fields
    )
    return Addressing({"access": network}, 0.2)


BOTH = addressing(("udp", "10.0.0.1", 5060), ("udp", "2001:db8::1", 5062), ("tcp", "10.0.0.1", 5070))


class TestContact:
    def test_each_transport_has_its_own_port(self) -> None:
        assert BOTH.contact("access", "udp") == ("10.0.0.1", 5060)
        assert BOTH.contact("access", "tcp") == ("10.0.0.1", 5070)

    def test_the_peers_address_family_chooses(self) -> None:
        assert BOTH.contact("access", "udp", "2001:db8::9") == ("2001:db8::1", 5062)

    def test_what_is_advertised_goes_before_what_is_bound(self) -> None:
        behind_nat = addressing(("udp", "10.0.0.1", 5060), advertised_address="203.0.113.7")
        assert behind_nat.contact("access", "udp") == ("203.0.113.7", 5060)

    def test_a_wildcard_is_never_shown(self) -> None:
        assert addressing(("udp", "0.0.0.0", 5060)).contact("access", "udp") == ("10.0.0.5", 5060)

    def test_a_port_chosen_by_the_system_is_known_once_bound(self) -> None:
        any_port = addressing(("udp", "10.0.0.1", 0))
        any_port.bound("access", 0, Address("10.0.0.1", 43210))
        assert any_port.contact("access", "udp").port == 43210

    def test_an_unknown_network_or_transport_is_our_own_mistake(self) -> None:
        with pytest.raises(LocalError, match="core"):
            BOTH.contact("core", "udp")
        with pytest.raises(LocalError, match="tls"):
            BOTH.contact("access", "tls")


class TestFlowTo:
    def test_names_the_listener_of_that_transport_and_family(self) -> None:
        flow = BOTH.flow_to("access", "udp", Address("2001:db8::9", 5060))
        assert flow == ("access", "udp", ("2001:db8::1", 5062), ("2001:db8::9", 5060))

    def test_without_such_a_listener_there_is_none(self) -> None:
        with pytest.raises(LocalError, match="tcp"):
            BOTH.flow_to("access", "tcp", Address("2001:db8::9", 5060))


class TestLocateAndResolve:
    CASES = (
        ("sip:x@10.0.0.9", "udp", ("10.0.0.9", 5060)),
        ("sip:10.0.0.9:5099;lr", "udp", ("10.0.0.9", 5099)),
        ("sip:x@10.0.0.9;transport=TCP", "tcp", ("10.0.0.9", 5060)),
        ("sip:x@10.0.0.9;transport=tls", "udp", ("10.0.0.9", 5060)),
        ("sip:x@[2001:db8::9]:5061", "udp", ("2001:db8::9", 5061)),
        ("sip:x@[2001:db8::9];transport=tcp", "udp", ("2001:db8::9", 5060)),
        ("sip:x@sbc.example.net;maddr=10.0.0.7", "udp", ("10.0.0.7", 5060)),
    )

    @pytest.mark.parametrize(("uri", "transport", "remote"), CASES)
    def test_numeric_hosts(self, uri: str, transport: str, remote: tuple[str, int]) -> None:
        flow = BOTH.locate("access", uri)
        assert flow is not None
        assert (flow.transport, flow.remote) == (transport, remote)
        assert asyncio.run(BOTH.resolve("access", uri)) == flow

    def test_the_default_transport_is_the_callers(self) -> None:
        flow = BOTH.locate("access", "sip:x@10.0.0.9", "tcp")
        assert flow is not None
        assert flow.transport == "tcp"

    def test_what_was_found_is_looked_up_again_once_a_listener_has_its_port(self) -> None:
        own = addressing(("udp", "10.0.0.1", 0))
        before = own.locate("access", "sip:x@10.0.0.9")
        own.bound("access", 0, Address("10.0.0.1", 5070))
        after = own.locate("access", "sip:x@10.0.0.9")
        assert before is not None and after is not None
        assert (before.local.port, after.local.port) == (0, 5070)

    def test_a_name_must_be_resolved(self) -> None:
        assert BOTH.locate("access", "sip:x@sbc.example.net") is None

    @pytest.mark.parametrize("uri", ["sips:x@10.0.0.9", "tel:+8610110", "nonsense"])
    def test_other_uris_are_refused(self, uri: str) -> None:
        with pytest.raises(PeerError):
            BOTH.locate("access", uri)

    def test_an_address_that_no_listener_reaches_is_refused(self) -> None:
        only_v4 = addressing(("udp", "10.0.0.1", 5060))
        with pytest.raises(PeerError) as caught:
            only_v4.locate("access", "sip:x@[2001:db8::9]")
        assert caught.value.status == 503


class TestNames:
    def resolve(self, found: Any, only: Addressing = BOTH) -> Any:
        """Resolve a name with a resolver that gives `found`, raises it, or (None) never answers."""

        async def scenario() -> Any:
            async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
                if found is None:
                    await asyncio.Event().wait()
                if isinstance(found, Exception):
                    raise found
                return [(0, 0, 0, "", (host, 0)) for host in found]

            asyncio.get_running_loop().getaddrinfo = getaddrinfo  # type: ignore[method-assign]
            return await only.resolve("access", "sip:x@sbc.example.net:5080")

        return asyncio.run(scenario())

    def test_the_first_address_that_we_reach_is_taken(self) -> None:
        only_v4 = addressing(("udp", "10.0.0.1", 5060))
        flow = self.resolve(["2001:db8::9", "10.0.0.9", "10.0.0.8"], only_v4)
        assert flow.remote == ("10.0.0.9", 5080)

    @pytest.mark.parametrize(
        "found", [socket.gaierror(-2, "Name or service not known"), [], None, UnicodeError("label")]
    )
    def test_one_that_does_not_resolve_in_time_is_503(self, found: Any) -> None:
        with pytest.raises(PeerError) as caught:
            self.resolve(found)
        assert caught.value.status == 503
        assert "sbc.example.net" in caught.value.reason
