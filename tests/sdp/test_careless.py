"""Careless descriptions are read as they were meant, and what was overlooked is noted."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.align import described
from splitter.sdp.careless import NOTES
from splitter.sdp.model import Attribute, Bandwidth, Connection
from splitter.sdp.parse import parse
from splitter.sdp.split import plan
from splitter.sdp.video import choose_video, refuse
from splitter.sdp.write import write

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=sendonly\r\n"
WHOLE = HEAD + AUDIO
MEANT = parse(WHOLE)

# What the endpoint wrote, whole descriptions that mean the same as WHOLE, o= apart.
SAME = {
    "a blank after a direction": WHOLE.replace("a=sendonly", "a=sendonly "),
    "blanks and tabs at the end of every line": WHOLE.replace("\r\n", " \t\r\n").replace("s=- \t", "s=-"),
    "a blank before a line": WHOLE.replace("a=sendonly", " a=sendonly"),
    "a blank before the equals sign": WHOLE.replace("a=sendonly", "a =sendonly"),
    "a blank after the equals sign": WHOLE.replace("a=sendonly", "a= sendonly").replace("m=", "m= "),
    "tabs between the words": WHOLE.replace("4000 RTP/AVP", "4000\tRTP/AVP").replace("97 AMR", "97\tAMR"),
    "several blanks between the words": WHOLE.replace(" RTP/AVP ", "  RTP/AVP   ").replace("97 AMR", "97  AMR"),
    "a blank after the colon": WHOLE.replace("rtpmap:97", "rtpmap: 97"),
    "blanks around the colon": WHOLE.replace("rtpmap:97", "rtpmap : 97"),
    "a blank for the colon": WHOLE.replace("rtpmap:97", "rtpmap 97"),
    "upper case letters": WHOLE.replace("m=", "M=").replace("a=s", "A=s"),
    "an upper case direction": WHOLE.replace("sendonly", "SendOnly"),
    "an upper case attribute": WHOLE.replace("rtpmap", "RTPMAP"),
    "an upper case kind": WHOLE.replace("m=audio", "m=AUDIO"),
    "a lower case network": WHOLE.replace("IN IP4", "in ip4"),
    "IPv4 for IP4": WHOLE.replace("IN IP4", "IN IPv4"),
    "NUL at the end": WHOLE + "\0",
    "NUL and CRLF at the end": WHOLE + "\0\r\n",
    "many NULs at the end": WHOLE + "\0" * 500,
    "NUL in the place of the last CRLF": WHOLE.removesuffix("\r\n") + "\0",
    "NUL at the end of each line": WHOLE.replace("\r\n", "\0\r\n"),
    "junk after a NUL": WHOLE + "\0\x7f\x03old buffer",
    "a junk line at the end": WHOLE + "--end--\r\n",
    "the end of a multipart": WHOLE + "\r\n--boundary1--\r\n",
    "a junk line in the middle": HEAD + "junk\r\n" + AUDIO,
    "a junk line of bytes": HEAD + "\udcff\udcfe\r\n" + AUDIO,
    "a byte order mark": "\ufeff" + WHOLE,
    "bare CR": WHOLE.replace("\r\n", "\r"),
    "bare LF": WHOLE.replace("\r\n", "\n"),
    "CR CR LF": WHOLE.replace("\r\n", "\r\r\n"),
    "LF CR": WHOLE.replace("\r\n", "\n\r"),
    "blank lines first": "\r\n\r\n" + WHOLE,
    "no line end at the end": WHOLE.removesuffix("\r\n"),
    "no v=": WHOLE.removeprefix("v=0\r\n"),
    "an empty v=": WHOLE.replace("v=0", "v="),
    "no s=": WHOLE.replace("s=-\r\n", ""),
    "no t=": WHOLE.replace("t=0 0\r\n", ""),
    "no o=": WHOLE.replace("o=- 1 1 IN IP4 192.0.2.1\r\n", ""),
    "an empty t=": WHOLE.replace("t=0 0", "t="),
    "half a t=": WHOLE.replace("t=0 0", "t=0"),
    "a t= of words": WHOLE.replace("t=0 0", "t=now forever"),
    "lines twice": WHOLE.replace("s=-\r\n", "s=-\r\ns=-\r\n").replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1"),
    "another o= below": WHOLE.replace("s=-", "o=- 2 2 IN IP4 192.0.2.9\r\ns=-"),
    "t= below the m-line": HEAD.replace("t=0 0\r\n", "") + AUDIO + "t=0 0\r\n",
    "b= without a colon": WHOLE + "b=AS\r\n",
    "b= without a kind": WHOLE + "b=:64\r\n",
    "b= without a value": WHOLE + "b=AS:\r\n",
    "b= of a number alone": WHOLE + "b=64\r\n",
    "b= of nothing": WHOLE + "b=\r\n",
    "b= with a blank for its colon": WHOLE + "b=AS 64\r\n",
    "b= of a word": WHOLE + "b=AS:lots\r\n",
    "b= below zero": WHOLE + "b=TIAS:-1\r\n",
    "b= of the session": HEAD + "b=CT\r\n" + AUDIO,
    "a= of nothing": WHOLE + "a=\r\n",
    "a= of a colon": WHOLE + "a=:\r\n",
    "an unknown letter": HEAD + "y=0100000001\r\n" + AUDIO,
    "the whole of it twice": WHOLE + WHOLE,  # FreeSWITCH, rtpengine#1182
    "the same and more of it": WHOLE + WHOLE + "a=ice-ufrag:Dlo1egh4\r\n",
    "an IPv4 address as IPv6": WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 ::FFFF:192.0.2.1"),
    "the same in hexadecimal": WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP6 0:0:0:0:0:ffff:c000:0201"),
    "an address in brackets": WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN IP4 [192.0.2.1]"),
    "a second c= line of the m-line that is the same": WHOLE,
}  # fmt: skip

SILENT = {
    "bare CR", "bare LF", "CR CR LF", "LF CR", "blank lines first", "no line end at the end", "no s=", "no t=",
    "an empty v=", "a byte order mark", "lines twice", "a second c= line of the m-line that is the same",
}  # fmt: skip
"""Too common, or too harmless, to be told."""


class TestReadAsMeant:
    @pytest.mark.parametrize("name", SAME)
    def test_the_same_description(self, name: str) -> None:
        read = parse(SAME[name].encode("utf-8", "surrogateescape"))
        assert (read.media, read.connection, read.times) == (MEANT.media, MEANT.connection, MEANT.times)
        assert read.direction_of(0) == "sendonly"
        assert [codec.key for codec in read.media[0].codecs] == [("amr", 8000, 1)]
        assert parse(write(read)) == read

    @pytest.mark.parametrize("name", SAME)
    def test_what_was_overlooked_is_noted(self, name: str) -> None:
        oddities = parse(SAME[name].encode("utf-8", "surrogateescape")).oddities
        assert bool(oddities) == (name not in SILENT), oddities
        assert all(text.isascii() and text.isprintable() for text in oddities)

    def test_nothing_is_noted_of_a_tidy_one(self) -> None:
        assert MEANT.oddities == ()

    def test_two_that_differ_in_their_oddities_alone_are_equal(self) -> None:
        assert parse(WHOLE + "--end--\r\n") == MEANT

    def test_notes_are_bounded(self) -> None:
        oddities = parse(WHOLE + "".join(f"junk {i}\r\n" for i in range(500))).oddities
        assert len(oddities) == NOTES + 1
        assert oddities[-1] == f"and {500 - NOTES} more"

    def test_blanks_of_free_text_stay(self) -> None:
        body = WHOLE.replace("s=-", "s= ").replace("c=", "i= what \r\nc=", 1).encode()
        assert write(parse(body)) == body
        assert parse(body).oddities == ()

    def test_attributes_of_others_stay_as_they_are(self) -> None:
        body = (WHOLE + "a=X-Odd:7\r\na=T38FaxVersion:0\r\na=silenceSupp:off - - - -\r\na=x-n\udcff\r\n").encode(
            "utf-8", "surrogateescape"
        )
        assert write(parse(body)) == body
        assert parse(body).oddities == ()


def test_brackets_around_nothing_are_no_address() -> None:
    read = parse(WHOLE.replace("192.0.2.1\r\nt=", "[]\r\nt="))
    assert read.is_hold(0) and parse(write(read)) == read


class TestDigits:
    def test_events_without_a_name_are_digits(self) -> None:
        read = parse(HEAD + "m=audio 4000 RTP/AVP 8 101\r\na=fmtp:101 0-15\r\n")
        assert [(codec.payload_type, codec.key[:2]) for codec in read.media[0].codecs] == [
            (8, ("pcma", 8000)),
            (101, ("telephone-event", 8000)),
        ]
        assert "a=rtpmap" in read.oddities[0]
        assert parse(write(read)) == read

    @pytest.mark.parametrize(
        "lines",
        [
            "m=audio 4000 RTP/AVP 8 101\r\na=fmtp:101 0-15\r\na=rtpmap:101 telephone-event/16000\r\n",
            "m=audio 4000 RTP/AVP 8 101\r\na=fmtp:101 mode=0-15\r\n",
            "m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone\r\na=fmtp:101 0-15\r\n",
            "m=video 4000 RTP/AVP 101\r\na=fmtp:101 0-15\r\n",
            "m=audio 4000 RTP/AVP 8 101\r\na=fmtp:8 0-15\r\na=rtpmap:101 telephone-event/8000\r\n",
            "m=audio 4000 RTP/AVP 8\r\na=fmtp:101 0-15\r\n",
        ],
    )
    def test_others_are_none(self, lines: str) -> None:
        read = parse(HEAD + lines)
        assert read.oddities == ()
        assert write(read) == (HEAD + lines).encode()

    def test_their_clock_is_that_of_the_voice(self) -> None:
        """RFC 4733 §2.1; and a number has one name, however often it is described."""
        read = parse(HEAD + "m=audio 4000 RTP/AVP 97 101\r\na=rtpmap:97 AMR-WB/16000\r\n" + "a=fmtp:101 0-15\r\n" * 2)
        assert read.media[0].get_all("rtpmap") == ["97 AMR-WB/16000", "101 telephone-event/16000"]

    def test_they_are_what_they_were_where_nothing_is_named(self) -> None:
        """A hold without any a=rtpmap: the description before it tells, and not our guess."""
        formats, events = "m=audio 4000 RTP/AVP 97 8 101\r\n", "a=fmtp:101 0-15\r\n"
        before = parse(HEAD + formats + "a=rtpmap:97 AMR-WB/16000\r\na=rtpmap:101 telephone-event/16000\r\n" + events)
        hold = described(before, parse(HEAD + formats + events + "a=sendonly\r\n"))
        assert [codec.key for codec in hold.media[0].codecs] == [codec.key for codec in before.media[0].codecs]


# name → the o= line as written
ORIGINS = {
    "letters": "- 3937ab 1 IN IP4 192.0.2.1",
    "a user with a blank": "ACME SBC 12 1 IN IP4 192.0.2.1",
    "a user with many blanks": "a  b c d 12 1 IN IP4 192.0.2.1",
    "no user": "12 1 IN IP4 192.0.2.1",
    "a negative id": "- -1 1 IN IP4 192.0.2.1",
    "a negative version": "- 1 -1 IN IP4 192.0.2.1",
    "a long id": f"- {'9' * 40} 1 IN IP4 192.0.2.1",
    "a very long id": f"- {'9' * 5000} 1 IN IP4 192.0.2.1",
    "a very long version": f"- 1 {'9' * 5000} IN IP4 192.0.2.1",
    "hexadecimal": "- 0x1F 0x2 IN IP4 192.0.2.1",
    "a fraction": "- 1.5 2.5 IN IP4 192.0.2.1",
    "a digit of another script": "- ² ٣ IN IP4 192.0.2.1",
    "lower case": "- 1 1 in ip4 192.0.2.1",
    "a host name": "- 1 1 IN IP4 sbc.example",
    "an unknown network": "- 1 1 ATM NSAP 47.0091",
    "too short": "- 1 IN IP4",
    "one word": "-",
    "nothing": "",
    "too long": "- 1 1 IN IP4 192.0.2.1 junk",
}


class TestOrigin:
    """RFC 8866 §5.2: it names the session. Nothing of a call hangs on it: what changed is seen from the lines."""

    @pytest.mark.parametrize("name", ORIGINS)
    def test_any_is_taken_and_survives_writing(self, name: str) -> None:
        session = parse(WHOLE.replace("- 1 1 IN IP4 192.0.2.1", ORIGINS[name], 1))
        assert session.media == MEANT.media
        assert bool(session.oddities) == (name != "a host name")
        assert parse(write(session)) == session

    def test_versions_that_are_no_numbers_are_told_apart(self) -> None:
        def version(text: str) -> int:
            return parse(WHOLE.replace("- 1 1 IN", f"- 1 {text} IN", 1)).origin.version

        assert version("1a") == version("1a")
        assert len({version("1"), version("1a"), version("1b"), version("9" * 30), version("8" * 30)}) == 5


class TestAddress:
    """c= says where media go: one reading, or a refusal where the line is needed."""

    @pytest.mark.parametrize("line", ["", "IN IP4", "IN IP4 ", "192.0.2.1", "IN IP4 192.0.2.1 192.0.2.2", "IN IP5 1"])
    def test_one_that_is_needed_must_be_readable(self, line: str) -> None:
        with pytest.raises(PeerError, match="c= line"):
            parse(WHOLE.replace("c=IN IP4 192.0.2.1", f"c={line}"))

    def test_one_that_is_not_needed_need_not(self) -> None:
        session = parse(WHOLE + "m=video 0 RTP/AVP 99\r\nc=IN IP4\r\n")
        assert session.connection_of(1) == Connection("IP4", "192.0.2.1")
        assert "c= line" in session.oddities[0]

    def test_nor_that_of_the_session_where_each_line_has_its_own(self) -> None:
        session = parse(WHOLE.replace("c=IN IP4 192.0.2.1", "c=IN") + "c=IN IP4 192.0.2.7\r\n")
        assert session.address_of(0).host == "192.0.2.7"

    def test_the_first_of_two(self) -> None:
        session = parse(WHOLE.replace("t=0 0", "c=IN IP4 192.0.2.2\r\nt=0 0"))
        assert session.address_of(0).host == "192.0.2.1"
        assert "second" in session.oddities[0]


# m-lines beside the audio that say nothing usable, and what they count as: (kind, port, proto, formats)
OFF = {
    "m=video 0 RTP/AVP": ("video", 0, "RTP/AVP", ()),
    "m=video 0 RTP/AVP ": ("video", 0, "RTP/AVP", ()),
    "m=video 0": ("video", 0, "RTP/AVP", ()),
    "m=VIDEO 0 RTP/SAVPF": ("video", 0, "RTP/SAVPF", ()),
    "m=audio 0 RTP/AVP": ("audio", 0, "RTP/AVP", ()),
    "m=audio 0": ("audio", 0, "RTP/AVP", ()),
    "m=image 0 udptl": ("image", 0, "udptl", ()),
    "m=video": ("video", 0, "RTP/AVP", ()),
    "m=video 5000": ("video", 0, "RTP/AVP", ()),
    "m=video 5000 RTP/AVP": ("video", 0, "RTP/AVP", ()),
    "m=video -1 RTP/AVP 99": ("video", 0, "RTP/AVP", ()),
    "m=video 70000 RTP/AVP 99": ("video", 0, "RTP/AVP", ()),
    "m=video port RTP/AVP 99": ("video", 0, "RTP/AVP", ()),
    "m=application 5000": ("application", 0, "RTP/AVP", ()),
    "m=x-unknown": ("x-unknown", 0, "RTP/AVP", ()),
}


class TestStreams:
    """Voice first: of m-lines only the audio may cost the call."""

    @pytest.mark.parametrize("line", OFF)
    def test_what_cannot_be_read_counts_as_off(self, line: str) -> None:
        session = parse(f"{WHOLE}{line}\r\na=inactive\r\n")
        media = session.media[1]
        assert (media.kind, media.port, media.proto, media.formats) == OFF[line]
        assert session.oddities
        assert parse(write(session)) == session

    @pytest.mark.parametrize("line", OFF)
    def test_is_refused_with_a_format(self, line: str) -> None:
        """RFC 3264 §6: an answer's m-line has a format, also with port 0."""
        media = refuse(parse(f"{WHOLE}{line}\r\n").media[1])
        assert (media.port, media.formats) == (0, ("0",))

    @pytest.mark.parametrize("line", OFF)
    def test_the_audio_is_still_chosen(self, line: str) -> None:
        for body in (f"{HEAD}{line}\r\n{AUDIO}", f"{WHOLE}{line}\r\n"):
            session = parse(body)
            assert session.media[plan(session).audio].port == 4000

    @pytest.mark.parametrize(
        "line", ["audio", "audio 4000", "audio 4000 RTP/AVP", "audio x RTP/AVP 8", "audio 70000 RTP/AVP 8", ""]
    )
    def test_the_audio_must_be_readable(self, line: str) -> None:
        with pytest.raises(PeerError, match="m= line"):
            parse(f"{HEAD}m={line}\r\n")

    def test_commas_between_formats(self) -> None:
        session = parse(HEAD + "m=audio 4000 RTP/AVP 8,0, 101\r\n")
        assert session.media[0].formats == ("8", "0", "101")
        assert session.oddities


class TestBandwidth:
    def test_kinds_in_lower_case(self) -> None:
        session = parse(WHOLE + "b=as: 64\r\nb=X-new: what\r\n")
        assert session.media[0].bandwidths == (Bandwidth("AS", "64"), Bandwidth("X-new", " what"))
        assert session.media[0].bandwidth("AS") == 64


class TestAttributes:
    def test_other_attributes_that_we_act_upon(self) -> None:
        body = (
            WHOLE
            + "a=rtcp-mux \r\na=ice-ufrag: abcd \r\na=Candidate:1 1 UDP 1 192.0.2.1 4 typ host\r\na=fmtp:97  x=1\r\n"
        )
        assert parse(body).media[0].attributes[2:] == (
            Attribute("rtcp-mux"),
            Attribute("ice-ufrag", "abcd"),
            Attribute("candidate", "1 1 UDP 1 192.0.2.1 4 typ host"),
            Attribute("fmtp", "97 x=1"),
        )

    @pytest.mark.parametrize(
        "value", ["", ":", ":97", ":97 ", ": ", ":x AMR/8000", ":97 AMR", ":97 /8000", ":97 AMR/x"]
    )
    def test_an_rtpmap_that_says_nothing_costs_its_format_alone(self, value: str) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 97 8\r\na=rtpmap{value}\r\n")
        assert [codec.name for codec in session.media[0].codecs] == ["PCMA"]

    @pytest.mark.parametrize("value", ["8 PCMA", "8 pcma/", "8", "8 PCMA/x"])
    def test_a_static_type_is_known_without_its_clock_rate(self, value: str) -> None:
        session = parse(f"{HEAD}m=audio 4000 RTP/AVP 8\r\na=rtpmap:{value}\r\n")
        assert [codec.key for codec in session.media[0].codecs] == [("pcma", 8000, 1)]

    @pytest.mark.parametrize("order", [1, -1])
    def test_parameters_on_two_lines(self, order: int) -> None:
        """Pages add a rate of their own by a further line, before or after that of the browser."""
        lines = ["packetization-mode=1;profile-level-id=42e01f", "x-google-start-bitrate=800"][::order]
        video = "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
        session = parse(WHOLE + video + "".join(f"a=fmtp:99 {line}\r\n" for line in lines))
        found = choose_video(session.media[1])
        assert found is not None and (found.packetization_mode, found.profile_level_id) == (1, "42e01f")
        assert session.media[1].codecs[0].parameters["x-google-start-bitrate"] == "800"

    def test_but_not_under_another_name(self) -> None:
        assert parse(f"{HEAD}m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 AMR\r\n").media[0].codecs == ()
