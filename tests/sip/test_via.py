"""The Via header."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.via import Via


class TestVia:
    def test_all_parts(self) -> None:
        via = Via.parse("SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKx;received=192.0.2.9;rport=40000;ttl=1")
        assert (via.transport, via.host, via.port) == ("UDP", "192.0.2.1", 5070)
        assert (via.branch, via.received, via.rport, via.wants_rport) == ("z9hG4bKx", "192.0.2.9", 40000, True)
        assert via.params["ttl"] == "1"

    @pytest.mark.parametrize(
        "text",
        [
            "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKx;rport",
            "SIP/2.0/TCP host.example.org",
            "SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKx;received=2001:db8::2",
        ],
    )
    def test_written_as_read(self, text: str) -> None:
        assert str(Via.parse(text)) == text

    def test_white_space_where_the_grammar_has_it(self) -> None:
        via = Via.parse("SIP  / 2.0  / TCP     spindle.example.com : 5060  ;   branch  =   z9hG4bK9ikj8 ; rport")
        assert (via.transport, via.host, via.port, via.branch) == ("TCP", "spindle.example.com", 5060, "z9hG4bK9ikj8")
        assert via.wants_rport
        assert via.rport is None

    @pytest.mark.parametrize(
        "text", ["SIP/2.0/UDP\th:5070;branch=1", "SIP\t/\t2.0\t/\tUDP\t \th\t:\t5070\t;\tbranch\t=\t1"]
    )
    def test_tabs_are_white_space_too(self, text: str) -> None:
        via = Via.parse(text)
        assert (via.transport, via.host, via.port, via.branch) == ("UDP", "h", 5070, "1")

    def test_case(self) -> None:
        via = Via.parse("sip/2.0/udp Host;BRANCH=z9hG4bKx")
        assert (via.transport, via.host, via.branch) == ("UDP", "Host", "z9hG4bKx")

    def test_nothing_asked(self) -> None:
        via = Via.parse("SIP/2.0/UDP h")
        assert (via.port, via.branch, via.received, via.rport, via.wants_rport) == (None, None, None, None, False)

    def test_received_and_rport_are_set(self) -> None:
        via = Via.parse("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKx").with_params(received="192.0.2.9", rport="4000")
        assert str(via) == "SIP/2.0/UDP 10.0.0.1;rport=4000;branch=z9hG4bKx;received=192.0.2.9"

    def test_received_of_ipv6_in_brackets(self) -> None:
        assert Via.parse("SIP/2.0/UDP h;received=[2001:db8::2]").received == "2001:db8::2"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=x",
            "SIP/2.0 h",
            "SIP/3.0/UDP h",
            "SIP/2.0/ h",
            "HTTP/1.1/TCP h",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP h:70000",
            "SIP/2.0/UDP h:" + "9" * 5000,
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP [::1;branch=x",
            "SIP/2.0/UDP h;=x",
            'SIP/2.0/UDP h;a="x',
        ],
    )
    def test_malformed(self, text: str) -> None:
        with pytest.raises(PeerError):
            Via.parse(text)

    def test_rport_that_is_no_port(self) -> None:
        with pytest.raises(PeerError):
            _ = Via.parse("SIP/2.0/UDP h;rport=x").rport
