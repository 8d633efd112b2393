"""From bytes to messages, and the framing of streams."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.sip.message import Message, Request, Response
from splitter.sip.multipart import find_part, parts
from splitter.sip.parse import MAX_LINES, MalformedRequest, StreamFramer, parse_message

GOLDEN = Path(__file__).parent / "golden"

LINES = [
    b"OPTIONS sip:h SIP/2.0",
    b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa",
    b"From: <sip:a@h>;tag=1",
    b"To: <sip:b@h>",
    b"Call-ID: c",
    b"CSeq: 1 OPTIONS",
    b"Content-Length: 2",
]


def message_of(lines: list[bytes], body: bytes = b"", end: bytes = b"\r\n") -> bytes:
    return end.join([*lines, b"", body])


def changed(name: bytes, line: bytes | None) -> list[bytes]:
    """LINES with the header of this name replaced or, for None, taken away."""
    return [new for old in LINES if (new := line if old.startswith(name) else old) is not None]


def touch(message: Message) -> None:
    """Ask everything that can be asked; only PeerError may come out."""
    for name in ("vias", "contacts", "contact", "content_type", "max_forwards", "from_tag", "to_tag"):
        try:
            getattr(message, name, None)
        except PeerError as error:
            assert error.reason
    for ask in (
        lambda: [via.rport for via in message.vias],
        lambda: [contact.sip for contact in message.contacts],
        lambda: [contact.user for contact in message.contacts],
        lambda: message.headers.values("Route"),
        lambda: parts(message),
        lambda: find_part(message, "application/sdp"),
    ):
        try:
            ask()
        except PeerError as error:
            assert error.reason


class TestDatagrams:
    def test_request(self) -> None:
        message = parse_message(message_of(LINES, b"ab"))
        assert isinstance(message, Request)
        assert (message.method, message.uri, message.body) == ("OPTIONS", "sip:h", b"ab")

    def test_response(self) -> None:
        message = parse_message(message_of([b"SIP/2.0 404 Not  Found ", *LINES[1:]], b"ab"))
        assert isinstance(message, Response)
        assert (message.status, message.reason) == (404, "Not  Found ")

    def test_section_18_3_surplus_is_ignored(self) -> None:
        assert parse_message(message_of(LINES, b"abcd")).body == b"ab"

    def test_section_18_3_truncated_is_400(self) -> None:
        with pytest.raises(MalformedRequest) as caught:
            parse_message(message_of(LINES, b"a"))
        response = caught.value.response()
        assert response is not None
        assert response.status == 400

    def test_section_18_3_without_length_the_body_reaches_to_the_end(self) -> None:
        assert parse_message(message_of(LINES[:-1], b"abcd")).body == b"abcd"

    def test_empty_lines_before_the_start_line(self) -> None:
        assert parse_message(b"\r\n\r\n" + message_of(LINES, b"ab")).body == b"ab"

    def test_bare_line_feeds(self) -> None:
        message = parse_message(message_of(LINES, b"a\r\n\r\nb", end=b"\n").replace(b"Length: 2", b"Length: 6"))
        assert message.body == b"a\r\n\r\nb"
        assert message.call_id == "c"

    def test_mixed_line_ends(self) -> None:
        data = b"\r\n".join(LINES[:3]) + b"\n" + b"\n".join(LINES[3:]) + b"\n\r\nab"
        assert parse_message(data).body == b"ab"

    def test_folded_header_at_the_very_end(self) -> None:
        message = parse_message(message_of([*LINES, b"Subject: a", b"\tb", b"   c"], b"ab"))
        assert message.headers.get("Subject") == "a b c"

    def test_field_trace_three_vias_compact_names_and_folds(self) -> None:
        data = (GOLDEN / "vilte_compact_folded.sip").read_bytes()
        message = parse_message(data)
        assert message.serialize() == data
        assert [via.host for via in message.vias] == ["192.0.2.5", "198.51.100.7", "2001:db8::7"]
        assert message.from_.user == "+8613800138000"
        assert [contact.uri for contact in message.contacts] == ["sip:192.0.2.5:5060;transport=udp"]
        assert message.headers.values("supported") == ["100rel", "timer", "precondition"]
        sdp = find_part(message, "application/sdp")
        assert sdp is not None
        assert sdp.startswith(b"v=0\r\n")


class TestRefusal:
    @pytest.mark.parametrize(
        ("start", "status"),
        [
            (b"OPTIONS sip:h SIP/3.0", 505),
            (b"OPTIONS sip:h SIP/2.00", 505),
            (b"OPTIONS sip:h  SIP/2.0", 400),
            (b"OPTIONS sip:h SIP/2.0 ", 400),
            (b"OPTIONS <sip:h> SIP/2.0", 400),
            (b"OPTIONS h SIP/2.0", 400),
            (b"OPTIONS  SIP/2.0", 400),
            (b"OPTIONS sip:h?a=b SIP/2.0", 400),
            (b"OPTIONS sip:h\x01 SIP/2.0", 400),
            (b"INVITE sip:h SIP/2.0", 400),
        ],
    )
    def test_request_line(self, start: bytes, status: int) -> None:
        with pytest.raises(MalformedRequest) as caught:
            parse_message(message_of([start, *LINES[1:]], b"ab"))
        assert caught.value.status == status
        response = caught.value.response()
        assert response is not None
        assert parse_message(response.serialize()).call_id == "c"

    @pytest.mark.parametrize(
        "start",
        [
            b"",
            b"OPTIONS",
            b"OPTIONS sip:h HTTP/1.1",
            b"GET / HTTP/1.1",
            b"(x) sip:h SIP/2.0",
            b"SIP/2.0 99 x",
            b"SIP/2.0 700 x",
            b"SIP/2.0 2x0 OK",
            b"SIP/2.0",
            b"SIP/2.0 ",
            b"SIP/3.0 200 OK",
            "SIP/2.0 ٢٠٠ OK".encode(),
        ],
    )
    def test_no_sip_at_all(self, start: bytes) -> None:
        with pytest.raises(PeerError) as caught:
            parse_message(message_of([start, *LINES[1:]], b"ab"))
        assert not isinstance(caught.value, MalformedRequest)

    @pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
    def test_mandatory_headers(self, name: bytes) -> None:
        with pytest.raises(MalformedRequest, match="missing: " + name.decode().lower()) as caught:
            parse_message(message_of(changed(name, None), b"ab"))
        assert caught.value.response() is None

    @pytest.mark.parametrize(
        "line",
        [
            b"CSeq: x OPTIONS",
            b"CSeq: 1 INVITE",
            b"CSeq: 99999999999 OPTIONS",
            b"From: <sip:a@h",
            b'To: "b <sip:b@h>',
            b"Via: SIP/2.0/UDP",
            b"Content-Length: two",
            b"Content-Length: -1",
            b"Content-Length: 3",
            b"Content-Length: " + b"9" * 5000,
            b"Call-ID: a b",
        ],
    )
    def test_malformed_header_is_answered(self, line: bytes) -> None:
        name = line.partition(b":")[0]
        with pytest.raises(MalformedRequest) as caught:
            parse_message(message_of(changed(name, line), b"ab"))
        response = caught.value.response()
        assert response is not None
        assert response.status == 400
        assert caught.value.reason in (response.headers.get("Warning") or "").replace('\\"', '"').replace("\\\\", "\\")

    @pytest.mark.parametrize("line", [b"no colon", b": x", b"na me: x", b"\xff: x", b"a" * 300 + b": x"])
    def test_header_line_that_is_none_is_passed_over(self, line: bytes) -> None:
        """§8.2.2: what is not needed to process a request is ignored."""
        message = parse_message(message_of([*LINES[:3], line, *LINES[3:]], b"ab"))
        assert message.serialize() == message_of(LINES, b"ab")

    def test_what_is_needed_is_not(self) -> None:
        with pytest.raises(PeerError, match="missing: via"):
            parse_message(message_of([line.replace(b"Via:", b"Via") for line in LINES], b"ab"))

    def test_fold_right_after_the_start_line(self) -> None:
        with pytest.raises(PeerError):
            parse_message(message_of([LINES[0], b" folded: x", *LINES[1:]], b"ab"))

    def test_latin_1_is_echoed_as_it_came(self) -> None:
        lines = changed(b"From", b"From: Zo\xeb <sip:a@h>;tag=1")
        with pytest.raises(MalformedRequest) as caught:
            parse_message(message_of([*lines, LINES[-1]], b"ab"))
        response = caught.value.response()
        assert response is not None
        assert b"From: Zo\xeb <sip:a@h>;tag=1\r\n" in response.serialize()

    def test_ack_is_never_answered(self) -> None:
        lines = [line.replace(b"OPTIONS", b"ACK") for line in changed(b"CSeq", b"CSeq: x ACK")]
        with pytest.raises(MalformedRequest) as caught:
            parse_message(message_of(lines, b"ab"))
        assert caught.value.response() is None

    @pytest.mark.parametrize("line", [b"Subject: a\rEvil: b", b"Subject: a\r", b"\rSubject: a"])
    def test_bare_carriage_return(self, line: bytes) -> None:
        with pytest.raises(PeerError, match="carriage return"):
            parse_message(message_of([*LINES, line, b"x: y"], b"ab"))

    def test_bare_carriage_return_among_bare_line_feeds(self) -> None:
        with pytest.raises(PeerError, match="carriage return"):
            parse_message(message_of([*LINES, b"Subject: a\rEvil: b"], b"ab", end=b"\n"))

    @pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\n" * 1000, LINES[0]])
    def test_next_to_nothing(self, data: bytes) -> None:
        with pytest.raises(PeerError):
            parse_message(data)

    def test_single_headers_twice(self) -> None:
        for line in LINES[2:]:
            with pytest.raises(MalformedRequest, match="more than one") as caught:
                parse_message(message_of([*LINES, line], b"ab"))
            response = caught.value.response()
            assert response is not None
            assert len(response.headers.get_all("From")) == 1


class TestFloods:
    def test_many_headers(self) -> None:
        assert parse_message(message_of([*LINES, *[b"x: y"] * (MAX_LINES - len(LINES) - 1)], b"ab"))
        for line in (b"x: y", b"v: SIP/2.0/UDP h", b" fold"):
            with pytest.raises(PeerError) as caught:
                parse_message(message_of([*LINES, *[line] * MAX_LINES], b"ab"))
            assert caught.value.status == 513

    def test_oversized_head(self) -> None:
        with pytest.raises(PeerError) as caught:
            parse_message(message_of([*LINES, b"x: " + b"y" * 70_000], b"ab"))
        assert caught.value.status == 513

    def test_reasons_stay_short(self) -> None:
        for line in (b"CSeq: " + b"1" * 60_000, b"From: " + b'"' * 60_000, b"Via: " + b"," * 60_000):
            with pytest.raises(PeerError) as caught:
                parse_message(message_of(changed(line.partition(b":")[0], line), b"ab"))
            assert len(caught.value.reason) < 300


NAMES = st.sampled_from(
    ["Via", "v", "From", "f", "To", "Contact", "CSeq", "Call-ID", "Route", "l", "Content-Type", "X"]
)
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "INVITE ",
                "sip:a@b",
                "SIP/2.0",
                "SIP/2.0/UDP h",
                "<",
                ">",
                '"',
                "\\",
                ";",
                ",",
                "=",
                ":",
                "?",
                "@",
                "[",
                "]",
            ),
            *("\r\n", "\n", "\r", " ", "\t", "\r\n ", "\r\n\r\n", "\0", "é", "tag=1", "branch=z9hG4bKx", "rport", "*"),
            *(
                "multipart/mixed",
                "boundary=b",
                "--b",
                "1",
                "0",
                "99999999999999999999",
                "-1",
                "²",
                "٣",
                "\xa0",
                "\u2028",
            ),
        ]
    ),
    max_size=12,
).map("".join)


class TestAnyInput:
    @given(st.binary(max_size=300))
    @example(b"SIP/2.0 200 OK\r\n\r\n")
    def test_bytes(self, data: bytes) -> None:
        try:
            touch(parse_message(data))
        except PeerError as error:
            assert error.reason

    @given(PIECES, st.lists(st.tuples(NAMES, PIECES), max_size=6), PIECES)
    @settings(max_examples=300)
    def test_things_that_look_like_sip(self, start: str, headers: list[tuple[str, str]], body: str) -> None:
        whole = [start, *[f"{name}:{value}" for name, value in headers]]
        self.check(("\r\n".join(whole) + "\r\n\r\n" + body).encode())

    @given(st.lists(st.tuples(NAMES, PIECES), max_size=4), PIECES)
    @settings(max_examples=300)
    def test_odd_headers_in_a_good_message(self, headers: list[tuple[str, str]], body: str) -> None:
        extra = [f"{name}:{value}".encode() for name, value in headers]
        self.check(message_of([*LINES[:-1], *extra], body.encode()))

    @given(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 5))
    @settings(max_examples=300)
    def test_a_good_message_with_a_dent(self, at: int, new: bytes, cut: int) -> None:
        data = (GOLDEN / "vilte_compact_folded.sip").read_bytes()
        self.check(data[:at] + new + data[at + cut :])

    def check(self, data: bytes) -> None:
        try:
            message = parse_message(data)
        except MalformedRequest as error:
            response = error.response()
            assert response is None or response.serialize().startswith(b"SIP/2.0 ")
            return
        except PeerError as error:
            assert error.reason
            return
        touch(message)
        written = message.serialize()
        again = parse_message(written)
        assert again == message
        assert again.serialize() == written


TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30)


class TestRoundTrip:
    @given(
        TOKENS,
        st.lists(st.tuples(TOKENS.filter(lambda name: name.lower() not in "lftivmcskx"), TEXTS), max_size=8),
        st.binary(max_size=200),
    )
    def test_valid_messages_are_written_as_read(self, method: str, headers: list[tuple[str, str]], body: bytes) -> None:
        lines = [
            f"{method} sip:h SIP/2.0",
            "Via: SIP/2.0/UDP h;branch=z9hG4bKx",
            "From: <sip:a>;tag=1",
            "To: <sip:b>",
            "Call-ID: c",
            f"CSeq: 1 {method}",
            *[f"{name}:{value}" for name, value in headers],
            f"Content-Length: {len(body)}",
        ]
        data = "\r\n".join([*lines, "", ""]).encode() + body
        message = parse_message(data)
        assert message.serialize() == data
        assert [name for name, _ in message.headers.items()][5:-1] == [name for name, _ in headers]


class TestWorkIsLinear:
    """Quadratic work on 60 kB would meet the time limit by far; linear work takes milliseconds."""

    @pytest.mark.parametrize(
        "value",
        [
            '"' + '\\"' * 30_000,
            "<" * 60_000,
            "<sip:" + "a" * 60_000,
            ";" * 60_000,
            "," * 60_000,
            "a=" * 30_000,
            '"",' * 20_000,
            " " * 60_000 + "x",
            "sip:" + "@" * 60_000,
            'sip:a@h;x="' + '\\"' * 29_000,
            "SIP" + " " * 30_000 + "/" * 30_000,
            "[" * 30_000 + "]" * 30_000,
            "multipart/mixed;boundary=" + '"' * 30_000,
        ],
    )
    def test_hostile_values(self, value: str) -> None:
        for name in ("Contact", "Route", "X", "Content-Type", "Max-Forwards", "Require"):
            message = parse_message(message_of([*LINES[:-1], f"{name}: {value}".encode()], b"--" * 500))
            touch(message)
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            with pytest.raises(PeerError):
                parse_message(message_of(changed(name.encode(), f"{name}: {value} <".encode()), b"ab"))

    def test_quotes_that_never_end(self) -> None:
        """What a pattern does is not among the steps that `tests.fuzz` counts, so the processor's time is compared."""

        def least_s(length: int) -> float:
            data = message_of(changed(b"From", b'From: sip:a@h;x="' + b'\\"' * length), b"ab")
            found = []
            for _ in range(5):
                began = time.thread_time()
                with pytest.raises(PeerError):
                    parse_message(data)
                found.append(time.thread_time() - began)
            return min(found)

        assert least_s(16_000) < 24 * least_s(2_000), "eight times the length: 64 times the work where it is quadratic"


class TestStreamFramer:
    DATA = message_of(LINES, b"ab")

    def test_whole_messages(self) -> None:
        assert StreamFramer().feed(self.DATA * 3) == [self.DATA] * 3

    @given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
    def test_any_cut(self, sizes: list[int]) -> None:
        stream = self.DATA + b"\r\n\r\n" + self.DATA.replace(b"Content-Length:", b"l :\r\n ") + b"\r\n" + self.DATA
        framer = StreamFramer()
        found = []
        for size in sizes:
            found += framer.feed(stream[:size])
            stream = stream[size:]
        found += framer.feed(stream)
        assert [parse_message(data).body for data in found] == [b"ab"] * 3
        assert framer.pings == 1
        assert framer.pending == 0

    def test_byte_by_byte(self) -> None:
        framer = StreamFramer()
        found = [message for byte in self.DATA * 2 for message in framer.feed(bytes([byte]))]
        assert found == [self.DATA] * 2

    def test_rfc_5626_pings(self) -> None:
        framer = StreamFramer()
        assert framer.feed(b"\r\n\r\n") == []
        assert framer.pings == 1
        assert framer.feed(b"\r\n") == []
        assert framer.feed(b"\r\n") == []
        assert framer.pings == 2
        assert framer.feed(self.DATA + b"\r\n\r\n\r\n\r\n") == [self.DATA]
        assert framer.pings == 4

    @pytest.mark.parametrize("between", [b"\0", b"\0\0\0", b"\0\r\n", b"\r\n\0", b"\n", b"\r", b"\r\n", b"\n\0\n\r"])
    @pytest.mark.parametrize("size", [1, 3, 10_000])
    def test_stray_bytes_between_messages(self, between: bytes, size: int) -> None:
        """OpenSIPS#4116: a NUL behind each message. TCP repeats nothing: the next message must not be lost."""
        framer = StreamFramer()
        stream = between + self.DATA + between + self.DATA + between
        found = [message for at in range(0, len(stream), size) for message in framer.feed(stream[at : at + size])]
        assert found == [self.DATA, self.DATA]
        assert framer.pings == 0
        assert framer.pending < 4

    def test_messages_before_one_that_cannot_be_cut_are_not_lost(self) -> None:
        framer = StreamFramer()
        assert framer.feed(self.DATA + message_of(LINES[:-1], b"ab")) == [self.DATA]
        with pytest.raises(MalformedRequest) as caught:
            framer.feed(b"")
        assert caught.value.request.call_id == "c"

    def test_blank_line_in_the_body(self) -> None:
        data = message_of([*LINES[:-1], b"Content-Length: 9"], b"a\r\n\r\nb\n\nc")
        assert StreamFramer().feed(data + self.DATA) == [data, self.DATA]

    def test_bare_line_feeds(self) -> None:
        data = message_of(LINES, b"ab", end=b"\n")
        assert StreamFramer().feed(data + self.DATA) == [data, self.DATA]

    @pytest.mark.parametrize(
        "lines",
        [
            LINES[:-1],
            [*LINES[:-1], b"Content-Length: x"],
            [*LINES[:-1], b"Content-Length: -1"],
            [*LINES[:-1], b"Content-Length:"],
            [*LINES, b"l: 7"],
            [*LINES[:-1], b"X-Content-Length: 2"],
        ],
    )
    def test_unframeable(self, lines: list[bytes]) -> None:
        with pytest.raises(PeerError) as caught:
            StreamFramer().feed(message_of(lines, b"ab"))
        assert caught.value.status == 400

    @pytest.mark.parametrize(
        "data", [b"x" * 2001, message_of([*LINES[:-1], b"l: 1990"]), message_of([*LINES, b"x: " + b"y" * 2000], b"ab")]
    )
    def test_limit(self, data: bytes) -> None:
        framer = StreamFramer(limit=2000)
        with pytest.raises(PeerError) as caught:
            for at in range(0, len(data), 100):
                framer.feed(data[at : at + 100])
        assert caught.value.status == 513

    @given(st.lists(st.binary(max_size=60), max_size=10))
    def test_any_bytes(self, chunks: list[bytes]) -> None:
        framer = StreamFramer()
        try:
            for chunk in chunks:
                framer.feed(chunk)
        except PeerError as error:
            assert error.reason
