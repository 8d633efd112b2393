"""Payloads and packets of somebody who means no good: a mix goes on, and counts them."""

from __future__ import annotations

import struct
from random import Random

import pytest

from splitter.media.voice.codecs import can_mix
from splitter.media.voice.mixer import Mixer
from splitter.sdp.voice import VoiceFormat

FORMATS = [
    VoiceFormat("PCMA", 8, digits_payload_type=101),
    VoiceFormat("OPUS", 111, 48_000, 2, digits_payload_type=101),
    VoiceFormat("G722", 9, digits_payload_type=101),
    VoiceFormat("AMR", 96, digits_payload_type=101),
    VoiceFormat("AMR", 96, digits_payload_type=101, fmtp="octet-align=1"),
]


@pytest.mark.parametrize("format", [one for one in FORMATS if can_mix(one)], ids=lambda one: one.encoding + one.fmtp)
class TestAnySide:
    def test_may_send_anything(self, format: VoiceFormat) -> None:
        mixer, random = Mixer(), Random(9)
        mixer.admit(0, format)
        mixer.admit(1, FORMATS[0])
        kinds = [format.payload_type, 101, 13, 0, 8, 200, random.randrange(128)]
        for number in range(2000):
            head = struct.pack(
                "!BBHII",
                random.choice([0x80, 0x80, 0x80, random.randrange(256)]),
                random.choice(kinds),
                random.choice([number & 0xFFFF, random.randrange(0x1_0000)]),
                random.choice([number * 160, random.getrandbits(32)]),
                random.choice([7, 7, 7, random.getrandbits(32)]),
            )
            size = random.choice([0, 1, 2, 5, 32, 160, 161, 1400, random.randrange(3000)])
            packet = head[: random.choice([12, 12, 12, 12, random.randrange(13)])] + random.randbytes(size)
            mixer.incoming(0).take(bytearray(packet), number * 0.01)
            if number % 2:
                mixer.tick()
                for side, block in mixer.told():
                    mixer.encode(side, block)
        assert mixer.incoming(0).discarded > 100
        assert mixer.report(0).delay_ms <= 200

    def test_gets_no_more_than_its_share_of_a_worker(self, format: VoiceFormat) -> None:
        mixer = Mixer()
        mixer.admit(0, format)
        incoming = mixer.incoming(0)
        for number in range(5000):
            head = struct.pack("!BBHII", 0x80, format.payload_type, number & 0xFFFF, number * 160, 7)
            incoming.take(bytearray(head + bytes(40)), number / 2500)
        assert incoming.packets + incoming.discarded == 5000
        assert incoming.packets <= 600, "two seconds' worth, and what may have waited on the way"
