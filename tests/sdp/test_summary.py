"""Descriptions in one line."""

from __future__ import annotations

import doctest

import pytest

from splitter.sdp import offer_answer, summary
from splitter.sdp.parse import parse

HEAD = "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\n"


@pytest.mark.parametrize("module", [summary, offer_answer])
def test_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted and not result.failed


class TestSummary:
    def test_a_video_call(self) -> None:
        session = parse(
            HEAD + "m=audio 4000 RTP/AVP 107 101\na=rtpmap:107 AMR-WB/16000\na=rtpmap:101 telephone-event/16000\n"
            "m=video 5000 RTP/AVP 120 99 100\na=rtpmap:120 H265/90000\na=rtpmap:99 H264/90000\n"
            "a=fmtp:99 profile-level-id=42C01F;packetization-mode=1\na=rtpmap:100 H264/90000\na=inactive\n"
        )
        assert summary.summary(session) == (
            "audio AMR-WB/16000 sendrecv [2001:db8::1]:4000, video H265 H264 42c01f mode 1 H264 mode 0 inactive [2001:db8::1]:5000"
        )
        assert summary.line_summary(session, 0) == "AMR-WB/16000 sendrecv"

    def test_hold_and_what_has_no_codec(self) -> None:
        session = parse(
            HEAD + "m=audio 1 RTP/AVP 8\nc=IN IP4 0.0.0.0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
        )
        assert summary.summary(session) == (
            "audio PCMA/8000 sendrecv (null address) 0.0.0.0:1, application webrtc-datachannel sendrecv [2001:db8::1]:9"
        )
        assert summary.summary(parse(HEAD)) == "no media"

    def test_is_printable_whatever_the_peer_wrote(self) -> None:
        text = summary.summary(parse(HEAD.encode() + b"m=\x1b[31m 1 \xff \x1b\xfe\na=rtpmap:8 \x07\n"))
        assert text.isascii() and text.isprintable()


class TestInUse:
    """What a table of calls says of a leg."""

    OURS = parse(
        HEAD + "m=video 0 RTP/AVP 99\nm=audio 4000 RTP/AVP 107 8 101\na=rtpmap:107 AMR-WB/16000\n"
        "a=rtpmap:101 telephone-event/8000\na=sendonly\nm=audio 6000 RTP/AVP 0\n"
    )
    THEIRS = parse(HEAD + "m=video 0 RTP/AVP 99\nm=audio 5000 RTP/AVP 8 101\nm=audio 0 RTP/AVP 0\n")

    def test_is_what_both_sides_named(self) -> None:
        assert summary.in_use(self.OURS, self.THEIRS, "audio") == "PCMA/8000 sendonly"

    def test_is_all_of_ours_while_the_peer_has_said_nothing(self) -> None:
        assert summary.in_use(self.OURS, None, "audio") == "AMR-WB/16000 PCMA/8000 sendonly"

    def test_and_where_the_peer_numbers_its_formats_otherwise(self) -> None:
        other = parse(HEAD + "m=video 0 RTP/AVP 99\nm=audio 5000 RTP/AVP 97\na=rtpmap:97 PCMA/8000\n")
        assert summary.in_use(self.OURS, other, "audio") == "AMR-WB/16000 PCMA/8000 sendonly"

    def test_is_empty_where_there_is_none(self) -> None:
        assert summary.in_use(self.OURS, self.THEIRS, "video") == summary.in_use(None, None, "audio") == ""
