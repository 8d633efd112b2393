"""A-law and µ-law against another implementation of them."""

from __future__ import annotations

import av
import numpy as np
import pytest

from splitter.media.voice.g711 import ALAW, ULAW, Law


@pytest.mark.parametrize(("law", "codec"), [(ALAW, "pcm_alaw"), (ULAW, "pcm_mulaw")])
class TestALaw:
    def test_decodes_as_others_do(self, law: Law, codec: str) -> None:
        other = av.CodecContext.create(codec, "r")
        other.sample_rate, other.layout = 8000, "mono"  # type: ignore[attr-defined]
        [frame] = other.decode(av.Packet(bytes(range(256))))  # type: ignore[attr-defined]
        assert (law.decode(bytes(range(256))) == frame.to_ndarray()[0]).all()

    def test_encodes_to_the_nearest_level(self, law: Law, codec: str) -> None:
        samples = np.arange(-32768, 32768, 7).astype(np.int16)
        back = law.decode(law.encode(samples))
        levels = np.sort(law.decode(bytes(range(256))))
        nearest = np.abs(levels[None, :] - samples.astype(np.float32)[:, None]).min(axis=1)
        assert (np.abs(back - samples) == nearest).all()

    def test_has_its_own_silence(self, law: Law, codec: str) -> None:
        assert law.encode(np.zeros(2, np.int16)) == {"pcm_alaw": b"\xd5\xd5", "pcm_mulaw": b"\xff\xff"}[codec]
