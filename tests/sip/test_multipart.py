"""Bodies inside bodies."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.sip.multipart import MAX_DEPTH, MAX_PARTS, find_part, parts

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
MIXED = (
    b"a preamble\r\n"
    b"--one\r\n"
    b"Content-Type: application/pidf+xml\r\n"
    b"Content-ID: <loc@example.org>\r\n"
    b"\r\n"
    b"<presence/>\r\n"
    b"--one\r\n"
    b"CONTENT-TYPE : Application/SDP;\r\n"
    b" charset=utf-8\r\n"
    b"content-disposition: session;handling=required\r\n"
    b"\r\n" + SDP + b"\r\n--one--\r\n"
    b"an epilogue\r\n--one\r\n"
)


def message(content_type: str | None, body: bytes) -> Request:
    return Request("INVITE", "sip:h", Headers([("c", content_type)] if content_type else []), body)


class TestFindPart:
    def test_bare_body(self) -> None:
        assert find_part(message("application/SDP", SDP), "application/sdp") == SDP
        assert find_part(message("application/isup", SDP), "application/sdp") is None

    def test_no_body(self) -> None:
        assert find_part(message("application/sdp", b""), "application/sdp") is None
        assert parts(message("multipart/mixed", b"")) == []

    def test_a_session_description_that_does_not_say_what_it_is(self) -> None:
        """RFC 3261 §20.15 wants a Content-Type; there are peers that forget it."""
        assert find_part(message(None, SDP), "application/sdp") == SDP
        assert find_part(message(None, b"hello"), "application/sdp") is None
        inside = message("multipart/mixed;boundary=b", b"--b\r\n\r\n" + SDP + b"\r\n--b--")
        assert find_part(inside, "application/sdp") == SDP

    @pytest.mark.parametrize("boundary", ["one", '"one"'])
    def test_sdp_after_a_location(self, boundary: str) -> None:
        request = message(f"multipart/mixed ; boundary = {boundary}", MIXED)
        assert find_part(request, "application/sdp") == SDP
        assert find_part(request, "application/pidf+xml") == b"<presence/>"
        assert find_part(request, "text/plain") is None

    def test_bare_line_feeds(self) -> None:
        request = message("multipart/mixed;boundary=one", MIXED.replace(b"\r\n", b"\n"))
        assert find_part(request, "application/sdp") == SDP.replace(b"\r\n", b"\n")

    def test_nested_with_a_boundary_that_begins_like_the_outer_one(self) -> None:
        outer = b"--on\r\nContent-Type: multipart/mixed;boundary=one\r\n\r\n" + MIXED + b"\r\n--on--"
        request = message("multipart/related;boundary=on", outer)
        assert find_part(request, "application/sdp") == SDP
        assert [part.content_type for part in parts(request)] == ["application/pidf+xml", "application/sdp"]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("early-session", "session"),
            ("Early-Session;handling=optional", ""),
            ("early-session", "session;handling=required"),
            ("early-session", "render"),
            ("icon", "session"),
            ("render", ""),
        ],
    )
    @pytest.mark.parametrize("kind", ["mixed", "alternative", "related"])
    def test_rfc_3959_the_session_is_meant(self, kind: str, first: str, second: str) -> None:
        def part(disposition: str, body: bytes) -> bytes:
            line = f"Content-Disposition: {disposition}\r\n" if disposition else ""
            return b"--b\r\nContent-Type: application/sdp\r\n" + line.encode() + b"\r\n" + body + b"\r\n"

        early, session = part(first, b"early"), part(second, SDP)
        nested = b"--o\r\nContent-Type: multipart/%s;boundary=b\r\n\r\n%b--b--\r\n--o--" % (
            kind.encode(),
            early + session,
        )
        for body in (early + session, session + early):
            request = message(f"multipart/{kind};boundary=b", body + b"--b--")
            assert find_part(request, "application/sdp") == SDP
        assert find_part(message("multipart/mixed;boundary=o", nested), "application/sdp") == SDP

    def test_what_is_in_an_early_session_part_is_for_that(self) -> None:
        inner = b"--b\r\nContent-Type: application/sdp\r\n\r\nearly\r\n--b--"
        lines = b"Content-Type: multipart/alternative;boundary=b\r\nContent-Disposition: early-session\r\n\r\n"
        outer = b"--o\r\n%b%b\r\n--o\r\nContent-Type: application/sdp\r\n\r\n%b\r\n--o--" % (lines, inner, SDP)
        assert (
            find_part(message("multipart/mixed;boundary=o", outer), "application/sdp")
            == SDP.removesuffix(b"\r\n") + b"\r\n"
        )
        alone = message("application/sdp", SDP)
        alone.headers.add("Content-Disposition", "early-session")
        assert find_part(alone, "application/sdp") is None

    def test_rfc_2046_section_5_1_4_the_last_alternative_is_best(self) -> None:
        body = b"--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--b\r\nContent-Type: text/plain\r\n\r\nsecond\r\n--b--"
        assert find_part(message("multipart/alternative;boundary=b", body), "text/plain") == b"second"
        assert find_part(message("multipart/mixed;boundary=b", body), "text/plain") == b"first"

    def test_the_end_may_be_missing(self) -> None:
        body = b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP
        assert find_part(message("multipart/mixed;boundary=b", body), "application/sdp") == SDP.removesuffix(b"\r\n")


class TestParts:
    def test_single(self) -> None:
        (part,) = parts(message("application/sdp", SDP))
        assert (part.content_type, part.body, part.required) == ("application/sdp", SDP, True)

    def test_headers_of_parts(self) -> None:
        first, second = parts(message("multipart/mixed;boundary=one", MIXED))
        assert first.headers.get("content-id") == "<loc@example.org>"
        assert second.headers.get("content-type") == "Application/SDP; charset=utf-8"
        assert second.required

    def test_rfc_5621_handling(self) -> None:
        body = b'--b\r\nContent-Disposition: render;Handling="Optional"\r\n\r\nx\r\n--b--'
        (part,) = parts(message("multipart/mixed;boundary=b", body))
        assert not part.required

    def test_without_headers_it_is_plain_text(self) -> None:
        (part,) = parts(message("multipart/mixed;boundary=b", b"--b\r\n\r\nhello\r\n\r\n--b--"))
        assert (part.content_type, part.body, len(part.headers)) == ("text/plain", b"hello\r\n", 0)

    def test_headers_without_a_body(self) -> None:
        (part,) = parts(message("multipart/mixed;boundary=b", b"--b\r\nContent-Type: text/html\r\n\r\n--b--"))
        assert (part.content_type, part.body) == ("text/html", b"")

    def test_empty_part(self) -> None:
        assert [part.body for part in parts(message("multipart/mixed;boundary=b", b"--b\r\n\r\n\r\n--b--"))] == [b""]

    @pytest.mark.parametrize(
        ("encoding", "content"),
        [
            ("base64", b"dj0wDQo=\r\n"),
            (" BASE64 ", b"dj0w\r\nDQo="),
            ("quoted-printable", b"v=3D0=0D=0A"),
            ("8bit", b"v=0\r\n"),
            ("base64", b"v=0\r\n"),
        ],
    )
    def test_content_made_fit_for_mail(self, encoding: str, content: bytes) -> None:
        body = b"--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n--b--\r\n"
        whole = message('multipart/mixed;boundary="b"', body % (encoding.encode(), content))
        assert find_part(whole, "application/sdp") == b"v=0\r\n"

    def test_binary_content_is_untouched(self) -> None:
        content = bytes(range(256)) * 2
        (part,) = parts(message("multipart/mixed;boundary=b", b"--b\r\n\r\n" + content + b"\r\n--b--\r\n"))
        assert part.body == content


class TestRefusal:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/mixed", b"--b\r\n\r\nx"),
            ("multipart/mixed;boundary=", b"--\r\n\r\nx"),
            ("multipart/mixed;boundary=" + "b" * 71, b"--b\r\n\r\nx"),
            ("multipart/mixed;boundary=b", b"no delimiter at all"),
            ("multipart/mixed;boundary=b", b"--bb\r\n\r\nx\r\n--bb--"),
            ("multipart/mixed;boundary=b", b"--b\r\nno colon\r\n\r\nx\r\n--b--"),
            ("multipart/mixed;boundary=b", b"--b\r\nna me: x\r\n\r\nx\r\n--b--"),
            ('multipart/mixed;boundary="b', b"--b\r\n\r\nx\r\n--b--"),
            ("multipart/mixed;boundary=b", b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 1) + b"--b--"),
        ],
    )
    def test_what_cannot_be_taken_apart(self, content_type: str, body: bytes) -> None:
        with pytest.raises(PeerError) as caught:
            parts(message(content_type, body))
        assert caught.value.status == 400
        with pytest.raises(PeerError):
            find_part(message(content_type, body), "application/sdp")

    def test_depth(self) -> None:
        body = b"x"
        for level in range(MAX_DEPTH + 1):
            body = b"--b%d\r\nContent-Type: multipart/mixed;boundary=b%d\r\n\r\n%s\r\n--b%d--" % (
                level,
                level - 1,
                body,
                level,
            )
        with pytest.raises(PeerError, match="deep"):
            parts(message(f"multipart/mixed;boundary=b{MAX_DEPTH}", body))

    def test_as_many_parts_as_allowed(self) -> None:
        body = b"--b\r\n\r\nx\r\n" * MAX_PARTS + b"--b--"
        assert len(parts(message("multipart/mixed;boundary=b", body))) == MAX_PARTS
