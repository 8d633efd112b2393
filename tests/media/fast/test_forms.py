"""The forms of the short way against each other and against the long way, packet by packet."""

from __future__ import annotations

from random import Random

import pytest

from splitter.media.fast.native import NativeForm
from splitter.media.fast.plain import PlainForm
from tests.media.fast.forms import CountingWay, LongForm, Match, key_frame

STEPS = 150


class CountingForm(PlainForm):
    """The Python form, counted."""

    def way(self) -> CountingWay:
        return CountingWay()


class TestTheSameComesOfIt:
    @pytest.mark.parametrize("seed", range(12))
    def test_whatever_peers_and_networks_do(self, seed: int) -> None:
        match = Match(seed, [LongForm(), PlainForm()])
        for _ in range(STEPS):
            match.step()

    @pytest.mark.parametrize("seed", range(100, 112))
    def test_in_c(self, seed: int, native: NativeForm) -> None:
        match = Match(seed, [PlainForm(), native])
        for _ in range(STEPS):
            match.step()

    def test_in_a_quiet_call_nearly_all_take_the_short_way(self) -> None:
        match = Match(1, [LongForm(), CountingForm()], quiet=True)
        chance = Random(1)
        CountingWay.taken = packets = 0
        for number in range(120):
            for name, source in match.sources.items():
                pieces = key_frame(source.number % 2)[0] if number < 3 else [b"\x41\x9a" + chance.randbytes(300)] * 3
                for index, piece in enumerate(pieces):
                    data = source.packet(bytes(piece), index == len(pieces) - 1)
                    match.do(lambda _, peer, data=data: peer.deliver(data), name)  # type: ignore[misc]
                    packets += 1
                source.timestamp = source.timestamp + 6000 & 0xFFFF_FFFF
                match.do(lambda stage, _: stage.loop.advance(1 / 30), name)
        assert CountingWay.taken > 0.9 * packets
