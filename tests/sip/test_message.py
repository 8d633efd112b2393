"""Headers, requests and responses."""

from __future__ import annotations

import pytest

from splitter.core.errors import LocalError, PeerError
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from splitter.sip.parse import parse_message
from splitter.sip.via import Via

INVITE = (
    b"INVITE sip:110@192.0.2.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa;rport, SIP/2.0/TCP 192.0.2.8;branch=z9hG4bKb\r\n"
    b"v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKc\r\n"
    b'f: "Caller" <sip:138@ims.example.org>;tag=ft\r\n'
    b"To: <sip:110@ims.example.org>\r\n"
    b"i: call-1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Record-Route: <sip:p1;lr>\r\n"
    b"RECORD-ROUTE: <sip:p2;lr>\r\n"
    b"Timestamp: 54\r\n"
    b"m: <sip:192.0.2.9:5060>\r\n"
    b"c: Application / SDP ; charset=utf-8\r\n"
    b"Content-Length: 3\r\n"
    b"\r\n"
    b"v=0"
)


@pytest.fixture
def invite() -> Request:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    return message


class TestHeadersLookup:
    def test_any_case_and_compact_form(self) -> None:
        headers = Headers([("v", "one"), ("VIA", "two"), ("X-Thing", "three")])
        assert headers.get("Via") == "one"
        assert headers.get_all("V") == ["one", "two"]
        assert headers.get("x-thing") == "three"
        assert "vIA" in headers
        assert "Route" not in headers
        assert headers.get("Route") is None
        assert headers.get("Route", "none") == "none"
        assert len(headers) == 3

    def test_values_respect_quotes_and_brackets(self) -> None:
        headers = Headers([("Contact", '"a, b" <sip:a,b@h>;q=1, <sip:c>'), ("m", "sip:d"), ("m", "")])
        assert headers.values("Contact") == ['"a, b" <sip:a,b@h>;q=1', "<sip:c>", "sip:d"]

    def test_empty_elements_are_passed_over(self) -> None:
        assert Headers([("Allow", "INVITE,, BYE ,")]).values("Allow") == ["INVITE", "BYE"]

    @pytest.mark.parametrize("value", ['"open, b', "<sip:a, b", r'"a\", b'])
    def test_open_quote_or_bracket(self, value: str) -> None:
        with pytest.raises(PeerError):
            Headers([("Contact", value)]).values("Contact")


class TestHeadersChange:
    def test_order_and_spelling_are_kept(self) -> None:
        headers = Headers([("b-Thing", "1"), ("A", "2")])
        headers.add("b-thing", "3")
        headers.prepend("B-THING", "0")
        assert list(headers.items()) == [("B-THING", "0"), ("b-Thing", "1"), ("A", "2"), ("b-thing", "3")]
        assert headers.get("b-thing") == "0"
        assert str(headers) == "B-THING: 0\r\nb-Thing: 1\r\nA: 2\r\nb-thing: 3\r\n"

    def test_set_keeps_the_first_place(self) -> None:
        headers = Headers([("a", "1"), ("X", "2"), ("b", "3"), ("x", "4")])
        headers.set("x", "5")
        headers.set("new", "6")
        assert list(headers.items()) == [("a", "1"), ("x", "5"), ("b", "3"), ("new", "6")]

    def test_remove(self) -> None:
        headers = Headers([("a", "1"), ("X", "2"), ("x", "4")])
        headers.remove("X")
        headers.remove("Not-There")
        assert list(headers.items()) == [("a", "1")]
        assert headers.get("x") is None

    def test_set_top_changes_one_element(self) -> None:
        headers = Headers([("Via", "first, second"), ("Via", "third")])
        headers.set_top("via", "new")
        assert headers.values("Via") == ["new", "second", "third"]
        headers.set_top("Route", "r")
        assert headers.get("Route") == "r"

    def test_copy_is_independent(self) -> None:
        headers = Headers([("a", "1")])
        twin = headers.copy()
        twin.add("b", "2")
        twin.set("a", "3")
        assert list(headers.items()) == [("a", "1")]
        assert twin != headers
        assert headers.copy() == headers

    @pytest.mark.parametrize("value", ["x\r\nEvil: 1", "x\n y", "x\ry"])
    def test_no_line_breaks_from_our_side(self, value: str) -> None:
        for change in ("add", "prepend", "set", "set_top"):
            with pytest.raises(LocalError):
                getattr(Headers(), change)("Subject", value)

    def test_no_names_that_are_none(self) -> None:
        for name in ("", "a b", "a:b", "a\r\nb", "é"):
            with pytest.raises(PeerError):
                Headers().add(name, "x")


class TestTypedAccess:
    def test_values(self, invite: Request) -> None:
        assert invite.call_id == "call-1"
        assert invite.cseq == (7, "INVITE")
        assert invite.from_.display == "Caller"
        assert (invite.from_tag, invite.to_tag) == ("ft", None)
        assert [via.branch for via in invite.vias] == ["z9hG4bKa", "z9hG4bKb", "z9hG4bKc"]
        assert invite.via.branch == "z9hG4bKa"
        assert invite.contact is not None
        assert invite.contact.uri == "sip:192.0.2.9:5060"
        assert invite.content_type == "application/sdp"
        assert invite.max_forwards == 70

    def test_nothing_there(self) -> None:
        message = Request("BYE", "sip:h", Headers())
        assert message.contact is None
        assert message.contacts == []
        assert message.vias == []
        assert message.content_type == ""
        message.headers.set("Content-Type", "Application\t/\tSDP\t;\tcharset=utf-8")
        assert message.content_type == "application/sdp"
        for name in ("call_id", "cseq", "from_", "to", "via", "from_tag", "to_tag", "names"):
            with pytest.raises(PeerError, match="missing"):
                getattr(message, name)

    def test_a_changed_header_is_read_anew(self, invite: Request) -> None:
        assert invite.via.host == "192.0.2.9"
        assert len(invite.vias) == 3
        invite.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKd")
        assert invite.via.host == "192.0.2.99"
        assert len(invite.vias) == 4
        invite.headers.set("To", "<sip:x>;tag=t")
        assert invite.to_tag == "t"
        invite.headers.remove("Contact")
        assert invite.contact is None

    def test_its_names_follow_its_headers(self, invite: Request) -> None:
        assert invite.names == ("call-1", "ft", "")
        twin = Request("INVITE", "sip:h", invite.headers.copy())
        twin.headers.set("To", "<sip:x>;tag=t")
        assert twin.names == ("call-1", "ft", "t")
        twin.headers.set("Call-ID", "call-2")
        twin.headers.set("From", "<sip:y>")
        assert twin.names == ("call-2", "", "t")
        assert invite.names == ("call-1", "ft", "")
        twin.headers.remove("From")
        with pytest.raises(PeerError, match="missing"):
            _ = twin.names

    def test_what_was_not_there_is_found_once_it_is(self) -> None:
        message = Request("BYE", "sip:h", Headers())
        assert message.contacts == []
        message.headers.add("Contact", "<sip:a>")
        message.headers.add("Contact", "<sip:b>")
        assert [contact.uri for contact in message.contacts] == ["sip:a", "sip:b"]

    def test_the_top_via_is_stamped(self, invite: Request) -> None:
        invite.headers.set_top("Via", str(invite.via.with_params(received="192.0.2.200", rport="5062")))
        assert invite.via == Via(
            "UDP", "192.0.2.9", None, {"branch": "z9hG4bKa", "rport": "5062", "received": "192.0.2.200"}
        )
        assert [via.branch for via in invite.vias] == ["z9hG4bKa", "z9hG4bKb", "z9hG4bKc"]

    @pytest.mark.parametrize(
        ("name", "value", "accessor"),
        [
            ("CSeq", "x INVITE", "cseq"),
            ("CSeq", "1", "cseq"),
            ("CSeq", "1 INVITE x", "cseq"),
            ("CSeq", "-1 INVITE", "cseq"),
            ("CSeq", "2147483648 INVITE", "cseq"),
            ("CSeq", "1" * 5000 + " INVITE", "cseq"),
            ("CSeq", "٣ INVITE", "cseq"),
            ("Call-ID", "", "call_id"),
            ("Call-ID", "a b", "call_id"),
            ("From", "<sip:a", "from_"),
            ("Contact", '"', "contact"),
            ("Via", "SIP/2.0/UDP", "vias"),
            ("Via", ",", "via"),
        ],
    )
    def test_malformed(self, invite: Request, name: str, value: str, accessor: str) -> None:
        invite.headers.set(name, value)
        with pytest.raises(PeerError) as caught:
            getattr(invite, accessor)
        assert caught.value.status == 400

    @pytest.mark.parametrize("value", ["many", "256", "-1", ""])
    def test_max_forwards_that_cannot_be_read_counts_as_missing(self, invite: Request, value: str) -> None:
        invite.headers.set("Max-Forwards", value)
        assert invite.max_forwards == 70

    def test_leading_zeros(self, invite: Request) -> None:
        invite.headers.set("CSeq", "0" * 5000 + "9 INVITE")
        assert invite.cseq == (9, "INVITE")


class TestSerialize:
    def test_content_length_is_put_right(self, invite: Request) -> None:
        assert invite.serialize() == INVITE
        invite.body = b"longer body"
        assert b"Content-Length: 11\r\n" in invite.serialize()
        invite.headers.remove("Content-Length")
        assert invite.serialize().count(b"Content-Length: 11\r\n") == 1

    def test_a_right_content_length_stays_as_it_is_spelled(self) -> None:
        data = INVITE.replace(b"Content-Length: 3", b"l :  003")
        assert parse_message(data).serialize() == data

    def test_empty_body_with_leading_zeros(self) -> None:
        message = Request("BYE", "sip:h", Headers([("l", "00")]))
        assert parse_length(message) == 0

    def test_text_beyond_ascii(self) -> None:
        message = Request("INFO", "sip:h", Headers([("Subject", "停電")]))
        assert "Subject: 停電\r\n".encode() in message.serialize()

    def test_latin_1_is_given_back_as_it_came(self) -> None:
        data = INVITE.replace(b"Caller", b"Zo\xeb")
        message = parse_message(data)
        assert message.from_.display == "Zoë"
        assert message.serialize() == data
        assert isinstance(message, Request)
        assert b"Zo\xeb" in message.respond(200).serialize()
        message.headers.add("Subject", "停電")
        assert "Subject: 停電\r\n".encode() in message.serialize()


def parse_length(message: Request) -> int:
    head = message.serialize().decode()
    return int(head.partition("l:")[2].split()[0] if "l:" in head else head.partition("Content-Length:")[2].split()[0])


class TestSection8_2_6_Responses:
    def test_what_is_echoed(self, invite: Request) -> None:
        response = invite.respond(180, to_tag="tt")
        assert response.serialize() == (
            b"SIP/2.0 180 Ringing\r\n"
            b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa;rport, SIP/2.0/TCP 192.0.2.8;branch=z9hG4bKb\r\n"
            b"v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKc\r\n"
            b'f: "Caller" <sip:138@ims.example.org>;tag=ft\r\n'
            b"To: <sip:110@ims.example.org>;tag=tt\r\n"
            b"i: call-1\r\n"
            b"CSeq: 7 INVITE\r\n"
            b"Record-Route: <sip:p1;lr>\r\n"
            b"RECORD-ROUTE: <sip:p2;lr>\r\n"
            b"Content-Length: 0\r\n"
            b"\r\n"
        )

    def test_100_has_no_tag_but_the_timestamp(self, invite: Request) -> None:
        response = invite.respond(100, to_tag="tt")
        assert response.to_tag is None
        assert response.headers.get("Timestamp") == "54"
        assert "Record-Route" not in response.headers

    def test_errors_carry_no_record_route(self, invite: Request) -> None:
        response = invite.respond(486, to_tag="tt")
        assert response.reason == "Busy Here"
        assert response.to_tag == "tt"
        assert "Record-Route" not in response.headers

    def test_a_tag_that_is_there_stays(self, invite: Request) -> None:
        invite.headers.set("To", "<sip:110@ims.example.org>;tag=old")
        assert invite.respond(200, to_tag="new").to_tag == "old"

    def test_extra_headers_and_body(self, invite: Request) -> None:
        response = invite.respond(
            200, "Fine", headers=[("Contact", "<sip:me>")], body=b"v=0", content_type="application/sdp"
        )
        assert isinstance(response, Response)
        assert response.reason == "Fine"
        assert response.contact is not None
        assert response.content_type == "application/sdp"
        assert response.serialize().endswith(b"Content-Length: 3\r\n\r\nv=0")
        assert invite.respond(200, headers=Headers([("X", "y")])).headers.get("X") == "y"

    def test_unknown_status(self, invite: Request) -> None:
        assert invite.respond(499).reason == "Unknown"

    def test_the_request_is_not_changed(self, invite: Request) -> None:
        invite.respond(200, to_tag="tt", headers=[("X", "y")], body=b"1234").serialize()
        assert invite.serialize() == INVITE
