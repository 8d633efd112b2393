"""What can be decoded and encoded, where the codec library has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import LocalError
from splitter.media.voice import BLOCK, amr
from splitter.media.voice.codecs import can_mix, codec_of, decoder_of, encodings, wide_decoder_of
from splitter.sdp.voice import VoiceFormat
from tests.media.relay.phones import level

FORMATS = [
    VoiceFormat("PCMA", 8),
    VoiceFormat("PCMU", 0),
    VoiceFormat("G722", 9),
    VoiceFormat("OPUS", 111, 48_000, 2),
    VoiceFormat("AMR", 96),
    VoiceFormat("AMR", 96, fmtp="octet-align=1; mode-set=0,2,4"),
]


class TestEveryCodec:
    @pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.encoding + one.fmtp)
    def test_carries_a_tone(self, format: VoiceFormat) -> None:
        if not can_mix(format):
            pytest.skip("the codec library has none")
        codec, heard, said = codec_of(format), [], np.arange(160)
        for _ in range(60):
            block = np.rint(8000 * np.sin(2 * math.pi * 440 * said / 8000)).astype(np.int16)
            payload = codec.encode(block)
            if payload:
                heard.append(codec.decode(payload))
            said = said + 160
        wave = np.concatenate(heard)
        assert len(wave) >= 59 * 160
        assert abs(20 * math.log10(level(wave[-4000:].astype(np.float64), 440.0) / 8000)) < 1.5

    @pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.encoding + one.fmtp)
    def test_refuses_nonsense_or_makes_little_of_it(self, format: VoiceFormat) -> None:
        if not can_mix(format):
            pytest.skip("the codec library has none")
        codec, random = codec_of(format), np.random.default_rng(1)
        for size in (1, 2, 3, 10, 33, 100, 1400, 2048) * 20:
            try:
                samples = codec.decode(random.bytes(size))
            except ValueError:
                continue
            assert len(samples) <= 2400 and np.isfinite(samples).all()


class TestWhatCannotBeMixed:
    @pytest.mark.parametrize(
        "format",
        [
            VoiceFormat("AMR-WB", 97, 16_000),
            VoiceFormat("EVS", 98, 16_000),
            VoiceFormat("AMR", 96, fmtp="octet-align=1;crc=1"),
            VoiceFormat("AMR", 96, fmtp="octet-align=1;interleaving=30"),
            VoiceFormat("OPUS", 111, 48_000, 6),
            VoiceFormat("X-STRANGE", 99),
        ],
        ids=lambda one: one.encoding + one.fmtp,
    )
    def test_is_known_beforehand(self, format: VoiceFormat) -> None:
        assert not can_mix(format)

    def test_has_no_codec(self) -> None:
        with pytest.raises(LocalError, match="X-STRANGE"):
            codec_of(VoiceFormat("X-STRANGE", 99))

    def test_is_everything_but_what_is_named(self) -> None:
        assert set(encodings()) >= {"PCMA", "PCMU"}


class TestAmrPayloads:
    """RFC 4867 §4.3, §4.4."""

    @given(st.integers(0, 7), st.booleans(), st.data())
    def test_are_taken_apart_as_they_were_written(self, mode: int, aligned: bool, data: st.DataObject) -> None:
        bits = amr.BITS[mode]
        octets = -(-bits // 8)
        value = data.draw(st.integers(0, (1 << bits) - 1)) << (8 * octets - bits)
        frame = bytes((mode << 3 | 4,)) + value.to_bytes(octets, "big")
        payload = amr.payload(frame, aligned)
        assert len(payload) == (2 + octets if aligned else -(-(10 + bits) // 8))
        assert amr.frames(payload, aligned) == [frame]

    @given(st.binary(max_size=80), st.booleans())
    def test_of_anything_raise_nothing_else(self, payload: bytes, aligned: bool) -> None:
        try:
            assert len(amr.frames(payload, aligned)) <= 12
        except ValueError:
            pass

    def test_without_data_have_no_frames(self) -> None:
        assert amr.frames(bytes((0xF0, 15 << 3 | 4)), True) == []

    def test_keep_to_the_modes_of_the_peer(self) -> None:
        assert [amr.modes_of(one)[-1] for one in ("", "0,2,4", "7", "x,9", "1, 3")] == [7, 4, 7, 7, 3]


class TestRequestsForAMode:
    """RFC 4867 §4.3.1: a handset at the edge of its cell asks for a mode that gets through."""

    MODES = (0, 2, 4, 7)

    @pytest.mark.parametrize("fmtp", ["mode-set=0,2,4,7", "octet-align=1;mode-set=0,2,4,7"])
    def test_are_heeded(self, fmtp: str) -> None:
        codec = codec_of(VoiceFormat("AMR", 96, fmtp=fmtp))

        def modes(count: int) -> list[int]:
            block = np.zeros(BLOCK, np.int16)
            payloads = [payload for _ in range(count + 8) if (payload := codec.encode(block))][:count]
            return [amr.frames(payload, "align" in fmtp)[0][0] >> 3 for payload in payloads]

        def ask(mode: int) -> None:
            payload = codec.encode(np.zeros(BLOCK, np.int16))
            codec.decode(bytes((mode << 4 | payload[0] & 0x0F,)) + payload[1:])

        assert set(modes(10)) == {7}
        ask(2)
        assert modes(12)[-1] == 2
        ask(15)
        assert modes(12)[-1] == 7

    def test_are_gone_after_by_neighbours_and_every_other_frame(self) -> None:
        requests = amr.ModeRequests(self.MODES)
        requests.take(b"\x00")
        assert [requests.next() for _ in range(7)] == [4, 4, 2, 2, 0, 0, 0]

    @pytest.mark.parametrize("payload", [b"", b"\x10", b"\x80", b"\xe0"])
    def test_for_what_there_is_not_are_none(self, payload: bytes) -> None:
        requests = amr.ModeRequests(self.MODES)
        requests.take(b"\x20")
        requests.take(payload)
        assert [requests.next() for _ in range(6)][-1] == 2


def test_a_frame_that_says_nothing_is_no_samples_at_any_rate() -> None:
    for made in (decoder_of, wide_decoder_of):
        assert len(made(VoiceFormat("AMR", 96)).decode(bytes.fromhex("f7c0"))) == 0
