"""The cipher of one participant: an SSRC and an index are sealed once (RFC 3711 §9.1, RFC 7714 §9.1)."""

from __future__ import annotations

import pylibsrtp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter.media.wire.srtp import Cipher
from splitter.rtp.packet import Packet, build

PROFILES = {
    "AES-GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AES-CM": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}


def cipher(profile: str = "AES-GCM") -> Cipher:
    number, size = PROFILES[profile]
    return Cipher(number, bytes(range(size)), bytes(range(size, 2 * size)))


def packet(sequence: int, payload: bytes, ssrc: int = 7) -> bytes:
    return build(Packet(False, 96, sequence & 0xFFFF, 9000, ssrc, payload))


@pytest.mark.parametrize("profile", PROFILES)
class TestAnIndex:
    def test_is_sealed_once(self, profile: str) -> None:
        one = cipher(profile)
        assert one.seal_rtp(packet(5, b"first")) is not None
        assert one.seal_rtp(packet(5, b"other")) is None
        assert one.seal_rtp(packet(5, b"first")) is None, "what is sent again was kept as it was sealed"
        assert one.counts.reused == 2 and one.counts.unprotected == 0
        assert one.seal_rtp(packet(5, b"other", ssrc=8)) is not None, "of another stream"

    def test_left_out_may_be_sealed_late(self, profile: str) -> None:
        one = cipher(profile)
        assert all(one.seal_rtp(packet(n, b"x")) is not None for n in (5, 7, 6))
        assert one.seal_rtp(packet(6, b"y")) is None

    def test_far_behind_is_refused(self, profile: str) -> None:
        one = cipher(profile)
        assert one.seal_rtp(packet(0, b"x")) is not None
        for sequence in range(2, 5000):
            assert one.seal_rtp(packet(sequence, b"x")) is not None
        assert one.seal_rtp(packet(1, b"x")) is None and one.counts.reused == 1

    def test_after_the_numbers_wrapped_is_another(self, profile: str) -> None:
        one = cipher(profile)
        assert all(one.seal_rtp(packet(n, b"x")) is not None for n in range(65_000, 65_536 + 65_100))
        assert one.seal_rtp(packet(65_050, b"y")) is None and one.counts.reused == 1


class TestAnyOrder:
    @given(
        st.lists(st.tuples(st.integers(-40, 40), st.sampled_from([b"one", b"two", b"six"])), max_size=120),
        st.booleans(),
    )
    @settings(max_examples=150, deadline=None)
    def test_no_key_stream_is_used_twice(self, steps: list[tuple[int, bytes]], wraps: bool) -> None:
        one = cipher()
        base = 65_536 if wraps else 30_000
        sealed: dict[int, bytes] = {}
        for offset, payload in [(-100, b"one"), *steps]:
            got = one.seal_rtp(packet(base + offset, payload))
            assert (got is None) == (base + offset in sealed)
            if got is not None:
                sealed[base + offset] = bytes(got)
        assert one.counts.reused == 1 + len(steps) - len(sealed)
