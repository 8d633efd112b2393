"""How far a change of the audio line reaches."""

from __future__ import annotations

import pytest

from splitter.sdp.compare import Change, audio_change
from splitter.sdp.parse import parse

HEAD = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
AUDIO = "m=audio 4000 RTP/AVP 107 8\nb=AS:41\na=rtpmap:107 AMR/8000\na=fmtp:107 octet-align=1\na=ptime:20\na=curr:qos local none\n"


def change(before: str, after: str) -> Change:
    old, new = parse(before), parse(after)
    return audio_change(old.media[0], new.media[0], old, new)


class TestNone:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("o=- 1 1", "o=- 1 2"),
            ("curr:qos local none", "curr:qos local sendrecv"),
            ("a=ptime:20\n", "a=sendrecv\na=ptime:20\na=candidate:1 1 UDP 1 192.0.2.1 4 typ host\n"),
            ("b=AS:41", "b=AS:49"),
            ("a=ptime:20\n", "a=ptime:20\nm=video 5000 RTP/AVP 99\n"),
        ],
    )
    def test_nothing_that_media_would_notice(self, old: str, new: str) -> None:
        assert change(HEAD + AUDIO, (HEAD + AUDIO).replace(old, new, 1)) is Change.NONE

    def test_order_of_attributes(self) -> None:
        lines = AUDIO.splitlines(keepends=True)
        assert change(HEAD + AUDIO, HEAD + lines[0] + "".join(reversed(lines[1:]))) is Change.NONE


class TestAddress:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("audio 4000", "audio 4002"),
            ("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2"),
            ("b=AS:41", "c=IN IP6 2001:db8::1\nb=AS:41"),
            ("a=ptime:20", "a=rtcp:4009\na=ptime:20"),
        ],
    )
    def test_only_where_it_goes(self, old: str, new: str) -> None:
        assert change(HEAD + AUDIO, (HEAD + AUDIO).replace(old, new, 1)) is Change.ADDRESS


class TestMaterial:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("a=ptime:20", "a=ptime:40"),
            ("a=ptime:20", "a=ptime:20\na=sendonly"),
            ("t=0 0", "t=0 0\na=inactive"),
            ("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"),
            ("107 8", "8 107"),
            ("107 8", "107"),
            ("AMR/8000", "AMR-WB/16000"),
            ("octet-align=1", "octet-align=0"),
            ("audio 4000", "audio 0"),
            ("a=ptime:20", "a=ptime:20\na=x-unheard:of"),
        ],
    )
    def test_the_other_leg_has_to_know(self, old: str, new: str) -> None:
        assert change(HEAD + AUDIO, (HEAD + AUDIO).replace(old, new, 1)) is Change.MATERIAL


def test_equal_lines_are_told_apart_by_identity() -> None:
    session = parse(HEAD + AUDIO + AUDIO)
    assert audio_change(session.media[1], session.media[1], session, session) is Change.NONE
    stranger = parse(HEAD + AUDIO).media[0]
    assert audio_change(stranger, stranger, session, session) is Change.NONE
