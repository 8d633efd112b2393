"""The IPv6 torture messages of RFC 5118, in torture/; section numbers are the RFC's.

They have bare line feeds, as in the archive of its appendix, and the two of §4.10 lack the blank line at their end; the
Content-Length of §4.8 and §4.9 counts them so, that of §4.6 (268) is larger than its body by any count. `wire` makes
of each what would be sent: CRLF, a blank line, and the right Content-Length.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splitter.core.errors import PeerError
from splitter.core.net import Address, Flow
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request
from splitter.sip.parse import MalformedRequest, parse_message
from splitter.sip.transactions.matching import reply_flow, stamp
from splitter.sip.uri import SipUri
from splitter.sip.via import Via

TORTURE = Path(__file__).parent / "torture"
ALL = sorted(path.stem.removeprefix("rfc5118-") for path in TORTURE.glob("rfc5118-*.sip"))
REFUSED = "4.2-ipv6-bad"
WELL_FORMED = [name for name in ALL if name != REFUSED]
US = Address("2001:db8::10", 5060)


def archived(name: str) -> bytes:
    return (TORTURE / f"rfc5118-{name}.sip").read_bytes()


def wire(name: str) -> bytes:
    head, _, body = archived(name).partition(b"\n\n")
    body = body.replace(b"\n", b"\r\n")
    head = re.sub(rb"(?<=Content-Length: )\d+", str(len(body)).encode(), head.rstrip(b"\n"))
    return head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


def request_of(name: str) -> Request:
    message = parse_message(wire(name))
    assert isinstance(message, Request)
    return message


def from_(host: str, port: int = 5060) -> Flow:
    return Flow("access", "udp", US, Address(host, port))


def test_all_messages_are_here() -> None:
    assert len(ALL) == 12
    assert {name.partition("-")[0] for name in ALL} == {f"4.{number}" for number in range(1, 11)}


@pytest.mark.parametrize("name", WELL_FORMED)
class TestWellFormed:
    def test_every_accessor_can_be_asked(self, name: str) -> None:
        message = request_of(name)
        assert SipUri.parse(message.uri).host
        assert message.from_.sip.host
        assert message.to.sip.host
        assert message.vias[0] == message.via
        assert all(contact.sip.host.count(":") > 1 for contact in message.contacts)

    def test_written_as_read(self, name: str) -> None:
        assert parse_message(wire(name)).serialize() == wire(name)

    def test_parsed_values_are_written_as_read(self, name: str) -> None:
        message = request_of(name)
        assert [str(via) for via in message.vias] == message.headers.get_all("via")
        if "3-colons" not in name:
            assert str(SipUri.parse(message.uri)) == message.uri

    def test_with_bare_line_feeds_it_means_the_same(self, name: str) -> None:
        if name == "4.6-ipv6-in-sdp":
            with pytest.raises(MalformedRequest, match="Content-Length is 268"):
                parse_message(archived(name))
            return
        data = archived(name)
        message = parse_message(data if b"\n\n" in data else data + b"\n")
        twin = request_of(name)
        assert message.body.replace(b"\n", b"\r\n") == twin.body
        message.headers.remove("Content-Length")
        twin.headers.remove("Content-Length")
        assert message.headers == twin.headers


class TestSection4_1_ValidReference:
    def test_in_request_uri_via_and_contact(self) -> None:
        message = request_of("4.1-ipv6-good")
        assert SipUri.parse(message.uri) == SipUri("sip", None, "2001:db8::10")
        assert (message.via.host, message.via.port) == ("2001:db8::9:1", None)
        assert message.contact is not None
        assert (message.contact.display, message.contact.sip.host) == ("Caller", "2001:db8::1")


class TestSection4_2_InvalidReference:
    def test_it_gets_400(self) -> None:
        with pytest.raises(MalformedRequest) as caught:
            parse_message(wire(REFUSED))
        assert caught.value.status == 400
        response = caught.value.response()
        assert response is not None
        assert response.headers.get("Via") == "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"


class TestSection4_3_PortAmbiguous:
    def test_what_is_in_the_brackets_is_the_address(self) -> None:
        uri = SipUri.parse(request_of("4.3-port-ambiguous").uri)
        assert (uri.host, uri.port) == ("2001:db8::10:5070", None)


class TestSection4_4_PortUnambiguous:
    def test_what_is_behind_the_brackets_is_the_port(self) -> None:
        uri = SipUri.parse(request_of("4.4-port-unambiguous").uri)
        assert (uri.host, uri.port) == ("2001:db8::10", 5070)


class TestSection4_5_Received:
    @pytest.mark.parametrize("form", ["with-delim", "no-delim"])
    def test_with_and_without_brackets(self, form: str) -> None:
        via = request_of(f"4.5-via-received-param-{form}").via
        assert via.received == "2001:db8::9:255"

    def test_ours_has_no_brackets(self) -> None:
        """RFC 3261 §25.1: via-received takes an address; only sent-by takes a reference."""
        message = request_of("4.5-via-received-param-with-delim")
        stamp(message, from_("2001:db8::9:aaaa"))
        assert message.headers.get("Via") == (
            "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:aaaa;branch=z9hG4bKas3-111"
        )

    def test_none_is_added_where_sent_by_is_the_source(self) -> None:
        message = request_of("4.1-ipv6-good")
        stamp(message, from_("2001:db8::9:1"))
        assert message.via.received is None

    def test_rport(self) -> None:
        via = Via.parse("SIP/2.0/UDP [2001:db8::9:1]:5080;rport;branch=z9hG4bK1")
        flow = from_("2001:db8::9:7", 40000)
        assert reply_flow(via, flow) == flow

    def test_without_rport_the_response_goes_to_the_port_of_sent_by(self) -> None:
        via = Via.parse("SIP/2.0/UDP [2001:db8::9:1]:5080;branch=z9hG4bK1")
        assert reply_flow(via, from_("2001:db8::9:7", 40000)).remote == ("2001:db8::9:7", 5080)


class TestSection4_6_AddressesInSdp:
    def test_they_have_no_brackets(self) -> None:
        session = parse(request_of("4.6-ipv6-in-sdp").body)
        assert (session.origin.address_type, session.origin.address) == ("IP6", "2001:db8::20")
        assert session.address_of(0) == ("2001:db8::20", 6000, 6001)
        assert session.address_of(1) == ("2001:db8::20", 6024, 6025)
        assert not session.is_hold(0)

    def test_written_as_read(self) -> None:
        body = request_of("4.6-ipv6-in-sdp").body
        assert write(parse(body)) == body


class TestSection4_7_MixedAddressesInHeaders:
    def test_the_vias(self) -> None:
        vias = request_of("4.7-mult-ip-in-header").vias
        assert [(via.transport, via.host, via.port) for via in vias] == [
            ("UDP", "2001:db8::9:1", 6050),
            ("UDP", "192.0.2.1", None),
            ("TCP", "2001:db8::9:255", None),
        ]
        assert vias[2].received == "192.0.2.200"


class TestSection4_8_MixedAddressesInSdp:
    def test_each_line_has_its_own_family(self) -> None:
        session = parse(request_of("4.8-mult-ip-in-sdp").body)
        assert session.origin.address == "host.example.com"
        assert session.address_of(0).host == "192.0.2.1"
        assert session.address_of(1).host == "2001:db8::1"


class TestSection4_9_MappedAddresses:
    def test_they_are_addresses_of_ipv6_in_headers_and_of_ipv4_for_media(self) -> None:
        message = request_of("4.9-ipv4-mapped-ipv6")
        assert [(via.host, via.port) for via in message.vias] == [
            ("::ffff:192.0.2.10", 19823),
            ("::ffff:192.0.2.2", None),
        ]
        assert message.contact is not None
        assert message.contact.sip.host == "::ffff:192.0.2.2"
        session = parse(message.body)
        assert session.address_of(0).host == "192.0.2.2"
        assert not session.is_hold(0)


class TestSection4_10_ThreeColons:
    @pytest.mark.parametrize("form", ["ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"])
    def test_both_forms_are_the_same_address(self, form: str) -> None:
        message = request_of(f"4.10-{form}")
        assert SipUri.parse(message.uri).host == message.to.sip.host == "2001:db8::192.0.2.1"

    def test_what_is_written_has_two(self) -> None:
        uri = SipUri.parse(request_of("4.10-ipv6-bug-abnf-3-colons").uri)
        assert str(uri) == "sip:user@[2001:db8::192.0.2.1]"

    def test_without_the_blank_line_it_never_ends(self) -> None:
        with pytest.raises(PeerError, match="never ends"):
            parse_message(archived("4.10-ipv6-correct-abnf-2-colons"))


class TestReferences:
    @pytest.mark.parametrize(
        "place",
        [
            "[]",
            "[",
            "[::1",
            "::1",
            "[1]",
            "[1:2]",
            "[::1]x",
            "[::g]",
            "[1::2::3]",
            "[::1%lo]",
            "[::1.2.3]",
            "[::1]:",
            "[::1]:70000",
        ],
    )
    def test_what_is_none_gets_400(self, place: str) -> None:
        with pytest.raises(PeerError) as caught:
            SipUri.parse(f"sip:user@{place}")
        assert caught.value.status == 400

    def test_case_and_zeros_are_kept_as_written(self) -> None:
        assert str(SipUri.parse("sip:[2001:0DB8:0::A]:5070;lr")) == "sip:[2001:0DB8:0::A]:5070;lr"


class TestDialogOverIpv6:
    """RFC 3261 §12 with references in Contact and Record-Route."""

    INVITE = (
        "INVITE sip:12345@[2001:db8::10] SIP/2.0",
        "Via: SIP/2.0/UDP [2001:db8::5]:5060;branch=z9hG4bK1",
        "Record-Route: <sip:[2001:db8::5];lr>, <sip:[2001:db8::6]:5080;transport=tcp;lr>",
        "From: <sip:13800000000@[2001:db8::7]>;tag=a",
        "To: <sip:12345@[2001:db8::10]>",
        "Call-ID: 1@[2001:db8::7]",
        "CSeq: 1 INVITE",
        "Contact: <sip:13800000000@[2001:db8::7]:5070;ob>;video",
        "Content-Length: 0",
    )

    def invite(self) -> Request:
        message = parse_message(("\r\n".join(self.INVITE) + "\r\n\r\n").encode())
        assert isinstance(message, Request)
        return message

    def test_as_the_server(self) -> None:
        dialog = Dialog.as_uas(self.invite(), "b")
        assert dialog.remote_target == "sip:13800000000@[2001:db8::7]:5070;ob"
        assert SipUri.parse(dialog.next_hop).host == "2001:db8::5"
        bye = dialog.request("BYE")
        assert bye.uri == dialog.remote_target
        assert bye.headers.get_all("Route") == ["<sip:[2001:db8::5];lr>", "<sip:[2001:db8::6]:5080;transport=tcp;lr>"]

    def test_as_the_client(self) -> None:
        request = self.invite()
        response = request.respond(200, to_tag="b", headers=[("Contact", "<sip:gw@[2001:db8::10]:5062>")])
        dialog = Dialog.as_uac(request, response)
        assert dialog.remote_target == "sip:gw@[2001:db8::10]:5062"
        assert SipUri.parse(dialog.next_hop) == SipUri(
            "sip", None, "2001:db8::6", 5080, {"transport": "tcp", "lr": None}
        )
        assert parse_message(dialog.request("BYE").serialize().replace(b"CSeq", b"Via: SIP/2.0/UDP [::1]\r\nCSeq"))
