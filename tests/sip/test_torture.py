"""The torture messages of RFC 4475, byte for byte, in torture/; section numbers are the RFC's."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.core.errors import PeerError
from splitter.sip.message import Request, Response
from splitter.sip.multipart import parts
from splitter.sip.parse import MalformedRequest, parse_message

TORTURE = Path(__file__).parent / "torture"
ALL = sorted(path.stem.removeprefix("rfc4475-") for path in TORTURE.glob("rfc4475-*.sip"))

REFUSED = {  # name: (status, a word of the reason)
    "3.1.2.1-badinv01": (400, "Via"),
    "3.1.2.2-clerr": (400, "9999"),
    "3.1.2.3-ncl": (400, "Content-Length"),
    "3.1.2.4-scalar02": (400, "CSeq"),
    "3.1.2.6-quotbal": (400, "never ends"),
    "3.1.2.7-ltgtruri": (400, "Request-URI"),
    "3.1.2.8-lwsruri": (400, "request line"),
    "3.1.2.9-lwsstart": (400, "request line"),
    "3.1.2.10-trws": (400, "request line"),
    "3.1.2.11-escruri": (400, "headers"),
    "3.1.2.16-badvers": (505, "SIP/7.0"),
    "3.1.2.17-mismatch01": (400, "CSeq"),
    "3.1.2.18-mismatch02": (400, "CSeq"),
    "3.3.8-multi01": (400, "more than one"),
    "3.3.9-mcl01": (400, "more than one"),
}
DROPPED = {  # no answer is possible: a response, no end of the headers, or nothing to echo
    "3.1.2.5-scalarlg": "CSeq",
    "3.1.2.15-baddn": "never ends",
    "3.1.2.19-bigcode": "status line",
    "3.3.1-insuf": "missing: call-id, from, to",
}
ACCEPTED = [name for name in ALL if name not in REFUSED and name not in DROPPED]
REWRITTEN = {  # what serialize() has to change: surplus bytes go, a Content-Length comes
    "3.1.1.8-dblreq",
    "3.4.1-inv2543",
}


def data_of(name: str) -> bytes:
    return (TORTURE / f"rfc4475-{name}.sip").read_bytes()


def request_of(name: str) -> Request:
    message = parse_message(data_of(name))
    assert isinstance(message, Request)
    return message


def response_of(name: str) -> Response:
    message = parse_message(data_of(name))
    assert isinstance(message, Response)
    return message


def test_all_messages_are_here() -> None:
    assert len(ALL) == 49
    assert set(REFUSED) | set(DROPPED) <= set(ALL)


@pytest.mark.parametrize("name", ACCEPTED)
class TestAccepted:
    def test_every_accessor_can_be_asked(self, name: str) -> None:
        message = parse_message(data_of(name))
        assert message.call_id
        assert message.cseq[0] >= 0
        assert message.from_.uri
        assert message.to.uri
        assert message.vias[0] == message.via

    def test_written_as_read(self, name: str) -> None:
        data = data_of(name)
        written = parse_message(data).serialize()
        if name in REWRITTEN:
            again = parse_message(written)
            assert again == parse_message(written[:] + b"surplus")
            assert parse_message(again.serialize()) == again
        else:
            assert written == data


@pytest.mark.parametrize("name", sorted(REFUSED))
class TestRefused:
    def test_with_an_answer_that_can_be_read(self, name: str) -> None:
        status, word = REFUSED[name]
        with pytest.raises(MalformedRequest) as caught:
            parse_message(data_of(name))
        assert caught.value.status == status
        assert word in caught.value.reason
        response = caught.value.response()
        assert response is not None
        assert response.status == status
        head = response.serialize().decode()
        assert head.startswith(f"SIP/2.0 {status} ")
        assert caught.value.request.call_id in head
        assert head.count("\r\nTo:") == head.count("\r\nFrom:") == head.count("\r\nCSeq:") == 1


@pytest.mark.parametrize("name", sorted(DROPPED))
class TestDropped:
    def test_no_answer_but_a_reason(self, name: str) -> None:
        with pytest.raises(PeerError) as caught:
            parse_message(data_of(name))
        assert DROPPED[name] in caught.value.reason
        if isinstance(caught.value, MalformedRequest):
            assert caught.value.response() is None


class TestSection3_1_1_ValidMessages:
    def test_1_short_tortuous_invite(self) -> None:
        message = request_of("3.1.1.1-wsinv")
        assert message.to.uri == "sip:vivekg@chair-dnrc.example.com"
        assert message.to_tag == "1918181833n"
        assert message.from_.display == 'J Rosenberg \\"'
        assert message.from_tag == "98asjd8"
        assert message.max_forwards == 68
        assert message.cseq == (9, "INVITE")
        assert message.headers.get("Subject") == ""
        assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
        assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
        assert [via.transport for via in message.vias] == ["UDP", "TCP", "UDP"]
        assert [via.host for via in message.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
        assert [via.branch for via in message.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
        assert message.contact is not None
        assert message.contact.display == 'Quoted string ""'
        assert message.contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
        assert len(message.body) == 150

    def test_2_wide_range_of_characters(self) -> None:
        message = request_of("3.1.1.2-intmeth")
        assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
        assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
        assert message.from_.display == "token1~` token2'+_ token3*%!.-"
        assert message.from_.params["fromparam''~+*_!.-%"] == '"работающий"'
        assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
        assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"

    def test_3_escapes(self) -> None:
        message = request_of("3.1.1.3-esc01")
        assert message.uri == "sip:sips%3Auser%40example.com@example.net"
        assert message.to.user == "user"
        assert message.from_.user == "I have spaces"
        assert message.content_type == "application/sdp"

    def test_4_escaped_nulls(self) -> None:
        message = request_of("3.1.1.4-escnull")
        assert [contact.user for contact in message.contacts] == ["\0", "\0\0"]

    def test_5_percent_is_not_an_escape_in_names(self) -> None:
        message = request_of("3.1.1.5-esc02")
        assert message.method == "RE%47IST%45R"
        assert len(message.contacts) == 2
        assert message.to.display == "%Z%45"

    def test_6_no_space_before_the_bracket(self) -> None:
        assert request_of("3.1.1.6-lwsdisp").from_.display == "caller"

    def test_7_long_values(self) -> None:
        message = request_of("3.1.1.7-longreq")
        assert len(message.vias) == 34
        assert message.vias[-1].received == "192.0.2.5"
        assert len(message.from_tag or "") == 155

    def test_8_surplus_bytes_of_a_datagram(self) -> None:
        message = request_of("3.1.1.8-dblreq")
        assert message.method == "REGISTER"
        assert message.body == b""

    def test_9_semicolon_in_the_user(self) -> None:
        message = request_of("3.1.1.9-semiuri")
        assert message.uri == "sip:user;par=u%40example.net@example.com"
        assert len(message.headers.values("Accept")) == 6

    def test_10_transports(self) -> None:
        message = request_of("3.1.1.10-transports")
        assert [via.transport for via in message.vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]

    def test_11_multipart(self) -> None:
        first, second = parts(request_of("3.1.1.11-mpart01"))
        assert (first.content_type, first.body) == ("text/plain", b"Hello")
        assert second.content_type == "application/octet-stream"
        assert len(second.body) == 342
        assert second.body.startswith(b"0\x82\x01R")

    def test_12_unusual_reason(self) -> None:
        assert response_of("3.1.1.12-unreason").reason == "= 2**3 * 5**2 но сто девяносто девять - простое"

    def test_13_empty_reason(self) -> None:
        message = response_of("3.1.1.13-noreason")
        assert (message.status, message.reason) == (100, "")


class TestSection3_1_2_InvalidMessages:
    def test_13_headers_in_a_contact_without_brackets(self) -> None:
        message = request_of("3.1.2.13-regbadct")
        with pytest.raises(PeerError):
            _ = message.contacts

    def test_14_spaces_within_the_brackets_are_forgiven(self) -> None:
        assert request_of("3.1.2.14-badaspec").to.uri == "sip:t.watson@example.org"

    def test_15_a_display_name_that_should_be_quoted_is_forgiven(self) -> None:
        message = parse_message(data_of("3.1.2.15-baddn") + b"\r\n")  # the RFC's file lacks the blank line
        assert message.from_.display == "Bell, Alexander"
        assert message.from_tag == "43"

    def test_6_the_faulty_header_is_echoed_as_it_came(self) -> None:
        with pytest.raises(MalformedRequest) as caught:
            parse_message(data_of("3.1.2.6-quotbal"))
        response = caught.value.response()
        assert response is not None
        assert response.headers.get("To") == '"Mr. J. User <sip:j.user@example.com>'

    def test_9_the_answer_has_a_tag(self) -> None:
        with pytest.raises(MalformedRequest) as caught:
            parse_message(data_of("3.1.2.9-lwsstart"))
        response = caught.value.response(to_tag="tt")
        assert response is not None
        assert response.to_tag == "tt"


class TestSection3_2And3_3_ForTheLayersAbove:
    def test_a_branch_that_is_only_the_cookie(self) -> None:
        assert request_of("3.2.1-badbranch").via.branch == "z9hG4bK"

    @pytest.mark.parametrize("name", ["3.3.2-unkscm", "3.3.3-novelsc"])
    def test_unknown_schemes_are_416(self, name: str) -> None:
        from splitter.sip.uri import SipUri

        with pytest.raises(PeerError) as caught:
            SipUri.parse(request_of(name).uri)
        assert caught.value.status == 416

    def test_unknown_schemes_in_headers(self) -> None:
        message = request_of("3.3.4-unksm2")
        assert message.to.uri == "isbn:2983792873"
        assert message.contact is not None
        assert message.contact.uri == "name:John_Smith"

    def test_unknown_extensions_can_be_listed(self) -> None:
        message = request_of("3.3.5-bext01")
        assert message.headers.values("Require") == ["nothingSupportsThis", "nothingSupportsThisEither"]

    def test_unknown_body(self) -> None:
        assert request_of("3.3.6-invut").content_type == "application/unknownformat"

    def test_zero_max_forwards(self) -> None:
        assert request_of("3.3.11-zeromf").max_forwards == 0

    def test_parameters_of_contact_and_of_its_uri(self) -> None:
        of_header = request_of("3.3.12-cparam01").contact
        of_uri = request_of("3.3.13-cparam02").contact
        assert of_header is not None
        assert of_uri is not None
        assert of_header.params == {"unknownparam": None}
        assert (of_uri.params, of_uri.sip.params) == ({}, {"unknownparam": None})

    def test_headers_in_a_contact_uri(self) -> None:
        contact = request_of("3.3.14-regescrt").contact
        assert contact is not None
        assert contact.sip.headers == "Route=%3Csip:sip.example.com%3E"


class TestSection3_4_BackwardCompatibility:
    def test_request_of_rfc_2543(self) -> None:
        message = request_of("3.4.1-inv2543")
        assert message.via.branch is None
        assert message.from_tag is None
        assert message.max_forwards == 70
        assert message.body.endswith(b"RTP/AVP 0\r\n")
