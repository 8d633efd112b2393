"""Reading session descriptions."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.sdp.model import Attribute, Bandwidth, Connection, Origin
from splitter.sdp.parse import MAX_BYTES, MAX_LINES, MAX_MEDIA, parse
from splitter.sdp.write import write

HEAD = b"v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = b"m=audio 4000 RTP/AVP 0\r\n"

ALL_LETTERS = (
    b"v=0\r\no=alice 1 2 IN IP6 2001:db8::1\r\ns= \r\ni=what\r\nu=http://example.com/\r\ne=a@example.com\r\n"
    b"e=b@example.com\r\np=+49 30 1\r\nc=IN IP6 2001:db8::1\r\nb=CT:1000\r\nb=X-odd:some thing\r\n"
    b"t=3034423619 3042462419\r\nr=7d 1h 0 25h\r\nt=0 0\r\nz=2882844526 -1h\r\nk=prompt\r\na=recvonly\r\na=tool:x:y\r\n"
    b"m=audio 49170/2 RTP/AVP 0\r\ni=talk\r\nc=IN IP4 233.252.0.1/127\r\nb=AS:64\r\nk=clear:z\r\na=note:\r\na=rtpmap:0 PCMU/8000\r\n"
)


class TestLossless:
    def test_every_letter_survives(self) -> None:
        assert write(parse(ALL_LETTERS)) == ALL_LETTERS

    def test_bytes_that_are_not_utf8_survive(self) -> None:
        body = HEAD + b"a=x-name:\xff\xfe\x80\r\n" + AUDIO
        assert write(parse(body)) == body

    def test_empty_value_and_no_value_differ(self) -> None:
        session = parse(HEAD + b"a=x:\r\na=y\r\n")
        assert session.attributes == (Attribute("x", ""), Attribute("y", None))
        assert write(session).endswith(b"a=x:\r\na=y\r\n")

    def test_fields(self) -> None:
        session = parse(ALL_LETTERS)
        media = session.media[0]
        assert session.origin == Origin("alice", 1, 2, "IP6", "2001:db8::1")
        assert session.times == ("t=3034423619 3042462419", "r=7d 1h 0 25h", "t=0 0", "z=2882844526 -1h")
        assert (media.port, media.port_count, media.title, media.key) == (49170, 2, "talk", "clear:z")
        assert media.connection == Connection("IP4", "233.252.0.1/127")
        assert media.bandwidths == (Bandwidth("AS", "64"),)


class TestCarelessSenders:
    def test_bare_line_feeds_and_no_final_one(self) -> None:
        body = (HEAD + AUDIO).replace(b"\r\n", b"\n").rstrip()
        assert parse(body) == parse(HEAD + AUDIO)

    def test_text_is_read_like_bytes(self) -> None:
        assert parse((HEAD + AUDIO).decode()) == parse(HEAD + AUDIO)

    def test_missing_name_and_time(self) -> None:
        session = parse(b"v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\n" + AUDIO)
        assert (session.name, session.times) == ("-", ("t=0 0",))
        assert write(session).splitlines()[2:5] == [b"s=-", b"c=IN IP4 192.0.2.1", b"t=0 0"]

    def test_missing_user(self) -> None:
        assert parse(b"v=0\r\no=7 8 IN IP4 192.0.2.1\r\n").origin == Origin("-", 7, 8, "IP4", "192.0.2.1")

    def test_order_within_a_section_does_not_matter(self) -> None:
        media = parse(HEAD + AUDIO + b"a=ptime:20\r\nb=AS:64\r\nc=IN IP4 192.0.2.9\r\n").media[0]
        assert media.connection == Connection("IP4", "192.0.2.9")

    def test_unknown_letters_are_ignored(self) -> None:
        assert parse(HEAD + b"y=what\r\n" + AUDIO) == parse(HEAD + AUDIO)

    def test_blank_lines_are_ignored(self) -> None:
        assert parse(HEAD + b"\r\n \r\n" + AUDIO + b"\r\n\r\n") == parse(HEAD + AUDIO)

    def test_a_lone_carriage_return_cannot_hide_a_line(self) -> None:
        media = parse(HEAD + AUDIO + b"a=x:1\rm=video 5000 RTP/AVP 99\r\n").media
        assert [line.kind for line in media] == ["audio", "video"]


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"", "v=0"),
            (b"v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n", "v=0"),
            (b"s=-\r\nt=0 0\r\n", "v=0"),
            (HEAD + AUDIO + HEAD + AUDIO.replace(b"4000", b"4002"), "second v="),
            (HEAD + b"m:video 4000 RTP/AVP 99\r\n", "<letter>=<value>"),
            (HEAD + b"\xff audio 4000 RTP/AVP 8\r\n", "<letter>=<value>"),
            (HEAD + b"m=audio\r\n", "m= line"),
            (HEAD + b"m=audio 4000 RTP/AVP\r\n", "m= line"),
            (HEAD + b"m=audio 70000 RTP/AVP 0\r\n", "impossible port"),
            (HEAD + b"m=audio 4000/0 RTP/AVP 0\r\n", "impossible port"),
            (HEAD + b"m=audio -1 RTP/AVP 0\r\n", "number"),
            (HEAD + AUDIO + b"c=IN IP5 192.0.2.1\r\n", "c= line"),
            (HEAD + AUDIO + b"c=192.0.2.1\r\n", "c= line"),
            (HEAD + b"a=x\0y\r\n" + AUDIO, "NUL"),
            (HEAD + AUDIO + b"\0=1\r\nm=audio 5000 RTP/AVP 8\r\n", "NUL"),
        ],
    )
    def test_with_400_and_the_reason(self, body: bytes, words: str) -> None:
        with pytest.raises(PeerError, match=words) as caught:
            parse(body)
        assert caught.value.status == 400

    def test_the_reason_is_printable(self) -> None:
        with pytest.raises(PeerError) as caught:
            parse(HEAD + b"m\xff\x1b[31m\r\n")
        assert caught.value.reason.isascii()
        assert caught.value.reason.isprintable()


class TestFloods:
    def test_bytes(self) -> None:
        with pytest.raises(PeerError, match="bytes"):
            parse(HEAD + b"a=x\r\n" * (MAX_BYTES // 5))

    def test_lines(self) -> None:
        assert parse(HEAD + b"a=x\r\n" * (MAX_LINES - 10))
        with pytest.raises(PeerError, match="lines"):
            parse(HEAD + b"a=x\r\n" * MAX_LINES)

    def test_m_lines(self) -> None:
        assert len(parse(HEAD + AUDIO * MAX_MEDIA).media) == MAX_MEDIA
        with pytest.raises(PeerError, match="m-lines"):
            parse(HEAD + AUDIO * (MAX_MEDIA + 1))

    def test_formats(self) -> None:
        with pytest.raises(PeerError, match="formats"):
            parse(HEAD + b"m=audio 4000 RTP/AVP" + b" 8" * 129)


LINES = st.sampled_from([*ALL_LETTERS.split(b"\r\n"), b"m=video 1 RTP/AVP 99 \x85", b"o=", b"m=", b"c=", b"b=", b"v=0"])


class TestAnything:
    @given(st.one_of(st.binary(), st.text(), st.lists(LINES).map(b"\r\n".join)))
    @example("\ud800")
    def test_is_read_or_refused(self, body: bytes | str) -> None:
        try:
            session = parse(body)
        except PeerError as error:
            assert error.status == 400
            return
        assert parse(write(session)) == session

    @given(st.lists(LINES | st.binary(max_size=8).map(lambda tail: b"a=" + tail)))
    def test_written_once_reads_the_same_for_ever(self, lines: list[bytes]) -> None:
        try:
            session = parse(HEAD + b"\r\n".join(lines))
        except PeerError:
            return
        assert write(parse(write(session))) == write(session)
        assert parse(write(session)) == session
