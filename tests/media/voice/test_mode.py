"""Whether a relay copies or mixes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import Hearing, Hears
from splitter.media.voice.mode import RelayMode, among, mode_of
from splitter.sdp.voice import VoiceFormat

ALAW = RemoteEnd(Address("192.0.2.1", 4000), Address("192.0.2.1", 4001), (), VoiceFormat("PCMA", 8))
ULAW = replace(ALAW, voice=VoiceFormat("PCMU", 0))
SECRET = replace(ALAW, voice=None)
STRANGE = replace(ALAW, voice=VoiceFormat("EVS", 97, 16000))


def mode(*pointed: RemoteEnd, hearing: Hearing = (), before: bool = False) -> RelayMode:
    return mode_of(dict(enumerate(pointed)), hearing, before, lambda voice: voice.encoding in ("PCMA", "PCMU"))


class TestTwo:
    @pytest.mark.parametrize("pair", [(ALAW, ALAW), (ALAW, ULAW), (SECRET, STRANGE), (STRANGE,), ()])
    def test_are_copied_whatever_they_speak(self, pair: tuple[RemoteEnd, ...]) -> None:
        assert mode(*pair) is RelayMode.COPIES

    def test_that_were_mixed_are_copied_where_they_speak_alike(self) -> None:
        other_numbers = replace(ALAW, voice=VoiceFormat("PCMA", 100, ptime_ms=40, digits_payload_type=101))
        assert mode(ALAW, other_numbers, before=True) is RelayMode.COPIES
        assert mode(ALAW, SECRET, before=True) is RelayMode.COPIES
        assert mode(ALAW, ULAW, before=True) is RelayMode.MIXES

    def test_are_mixed_where_one_does_not_hear_the_other(self) -> None:
        assert mode(ALAW, ULAW, hearing=(Hears(1, frozenset()),)) is RelayMode.MIXES
        assert mode(ALAW, ULAW, hearing=(Hears(1, frozenset({0, 7})), Hears(7, frozenset()))) is RelayMode.COPIES
        with pytest.raises(MediaUnavailable, match=r"side 1 .* EVS"):
            mode(ALAW, STRANGE, hearing=(Hears(0, frozenset()),))


class TestThree:
    def test_are_mixed(self) -> None:
        assert mode(ALAW, ULAW, ALAW) is RelayMode.MIXES

    def test_are_refused_with_the_one_that_cannot_be(self) -> None:
        with pytest.raises(MediaUnavailable, match=r"side 2 .* EVS"):
            mode(ALAW, ALAW, STRANGE)
        with pytest.raises(MediaUnavailable, match=r"side 0 .* nobody said"):
            mode(SECRET, ALAW, ALAW)


class TestWhoIsAmongThem:
    def test_is_whoever_is_there(self) -> None:
        said = (
            Hears(4, frozenset({0})),
            Hears(1, frozenset({0, 1, 4}), frozenset({4, 0})),
            Hears(1, frozenset({4, 0})),
        )
        assert among(said, {0, 1}) == (Hears(1, frozenset({0})),)
        assert among(said, {0, 1, 4}) == (Hears(1, frozenset({0, 4})), Hears(4, frozenset({0})))
