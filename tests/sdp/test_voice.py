"""What a voice m-line speaks."""

from __future__ import annotations

import pytest

from splitter.sdp.mixed import agreed_format
from splitter.sdp.model import Media
from splitter.sdp.parse import parse
from splitter.sdp.voice import VoiceFormat, voice_format


def line(text: str) -> Media:
    """The one m-line of a description."""
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    return parse((head + text.replace("\n", "\r\n") + "\r\n").encode("utf-8", "surrogateescape")).media[0]


class TestAVoiceLine:
    def test_names_its_first_voice_and_the_digits_beside_it(self) -> None:
        media = line(
            "m=audio 4000 RTP/AVP 101 96 8 97\na=rtpmap:96 AMR/8000\na=fmtp:96 octet-align=1\na=ptime:40\n"
            "a=rtpmap:97 telephone-event/16000\na=rtpmap:101 telephone-event/8000"
        )
        assert voice_format(media) == VoiceFormat("AMR", 96, 8000, 1, 40, 101, "octet-align=1")

    def test_of_static_types_needs_no_map(self) -> None:
        assert voice_format(line("m=audio 4000 RTP/AVP 0 8")) == VoiceFormat("PCMU", 0)

    def test_has_digits_of_its_own_clock_alone(self) -> None:
        media = line(
            "m=audio 4000 RTP/AVP 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000\n"
            "a=fmtp:111 useinbandfec=1"
        )
        assert voice_format(media) == VoiceFormat("OPUS", 111, 48000, 2, fmtp="useinbandfec=1")

    def test_of_any_bytes_can_be_written_down(self) -> None:
        """Else no worker could be told of it, and the call had no voice."""
        media = line("m=audio 4000 RTP/AVP 97\na=rtpmap:97 op\udcffus/48000\na=fmtp:97 x=\udcfe\udcff")
        found = voice_format(media)
        assert found is not None and (found.encoding, found.fmtp) == ("OP?US", "x=??")

    def test_that_was_answered_with_other_numbers_comes_under_ours(self) -> None:
        """RFC 3264 §5.1; a number that stands for something else with the peer is not taken."""
        ours = line("m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 AMR/8000\na=rtpmap:101 telephone-event/8000")
        theirs = line("m=audio 4000 RTP/AVP 98 100\na=rtpmap:98 AMR/8000\na=rtpmap:100 telephone-event/8000")
        found = agreed_format(ours, theirs, theirs)
        assert found is not None and found.named_here == ((96, 98), (101, 100))
        assert found.numbers_of(98) == (98, 96)
        crossed = line("m=audio 4000 RTP/AVP 101 96\na=rtpmap:101 AMR/8000\na=rtpmap:96 telephone-event/8000")
        found = agreed_format(ours, crossed, crossed)
        assert found is not None and found.named_here == ()

    @pytest.mark.parametrize("ptime", ["", "0", "-20", "x", "5", "1000", "99999", "２０"])
    def test_takes_no_nonsense_for_its_packets(self, ptime: str) -> None:
        found = voice_format(line(f"m=audio 4000 RTP/AVP 8\na=ptime:{ptime}"))
        assert found is not None and found.ptime_ms == 20

    @pytest.mark.parametrize("text", ["m=audio 0 RTP/AVP 8", "m=audio 4000 RTP/AVP 13", "m=image 4000 udptl t38"])
    def test_that_speaks_nothing_has_none(self, text: str) -> None:
        assert voice_format(line(text)) is None
