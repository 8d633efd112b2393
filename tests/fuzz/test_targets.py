"""Whatever bytes come: parse or PeerError, and what was read is written back the same."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.edits import dented
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

NAMES = sorted(TARGETS)
CALM = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("name", NAMES)
class TestSeeds:
    def test_as_they_are(self, name: str) -> None:
        for data in seeds(name):
            TARGETS[name](data)

    def test_cut_off_anywhere(self, name: str) -> None:
        for data in seeds(name)[:12]:
            for size in range(0, len(data), max(1, len(data) // 60)):
                TARGETS[name](data[:size])


@pytest.mark.slow
class TestDented:
    @given(dented("sip"))
    @settings(CALM, max_examples=300)
    def test_sip(self, data: bytes) -> None:
        TARGETS["sip"](data)

    @given(dented("stream"))
    @settings(CALM, max_examples=150)
    def test_streams(self, data: bytes) -> None:
        TARGETS["stream"](data)

    @given(dented("sdp"))
    @settings(CALM, max_examples=300)
    def test_sdp(self, data: bytes) -> None:
        TARGETS["sdp"](data)

    @given(dented("fragment"))
    @settings(CALM, max_examples=200)
    def test_fragments(self, data: bytes) -> None:
        TARGETS["fragment"](data)

    @given(dented("rtcp"))
    @settings(CALM, max_examples=300)
    def test_rtcp(self, data: bytes) -> None:
        TARGETS["rtcp"](data)

    @given(dented("rtp"))
    @settings(CALM, max_examples=300)
    def test_rtp(self, data: bytes) -> None:
        TARGETS["rtp"](data)

    @given(dented("ng"))
    @settings(CALM, max_examples=300)
    def test_ng(self, data: bytes) -> None:
        TARGETS["ng"](data)


@pytest.mark.parametrize("name", NAMES)
class TestNoise:
    @given(st.binary(max_size=400))
    @settings(CALM, max_examples=100)
    def test_any_bytes(self, name: str, data: bytes) -> None:
        TARGETS[name](data)


class TestTheTargetsThemselves:
    """They must be able to fail: a parser that lets something else out is found."""

    @pytest.mark.parametrize("name", NAMES)
    def test_most_seeds_are_really_read(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        module = "tests.fuzz.targets"
        places = {
            "sip": f"{module}._writes_as_read",
            "stream": f"{module}.sip",
            "sdp": f"{module}.summary",
            "fragment": f"{module}.write_fragment",
            "rtcp": f"{module}.rtcp.build",
            "rtp": f"{module}.packet.build",
            "ng": f"{module}.encode",
        }
        reached = []

        class Reached(Exception):
            pass

        def reach(*_: object) -> None:
            reached.append(name)
            raise Reached

        made = seeds(name)  # before the patch: some are written by what it replaces
        monkeypatch.setattr(places[name], reach)
        for data in made:
            try:
                TARGETS[name](data)
            except Reached:
                continue
        assert len(reached) >= 0.5 * len(made)
