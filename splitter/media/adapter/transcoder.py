"""A browser's Opus and the G.711 of the inside, each made of the other. No I/O: packets and times come in and go out.

    browser ── RED, Opus, digits at 48 kHz ──▶ playout ── a block each 20 ms ──▶ G.711 ──▶ inside
            ◀── RED of three Opus packets ─── a block each 20 ms ── playout ◀── G.711 ───

What comes is an even flow first (`voice.playout`), as a mix has it: so the inside is sent a packet every 20 ms, however
the browser's came, and what is lost was mended before. Keys go on at once, packet by packet, with the times of the
other side (RFC 4733 §2.5.1); there is no voice beside them.
"""

from __future__ import annotations

import secrets
from collections import deque

import numpy as np

from splitter.media.adapter.reports import BetweenReports, HeardStream
from splitter.media.voice import BLOCK, RATE
from splitter.media.voice.codecs import VoiceCodec, codec_of
from splitter.media.voice.g711 import Samples
from splitter.media.voice.incoming import Incoming
from splitter.media.voice.opus import Opus
from splitter.media.voice.stream import VoiceStream
from splitter.rtp import red
from splitter.rtp.packet import HEADER, VERSION, Buffer, payload_bounds
from splitter.rtp.red import RedBlock
from splitter.rtp.rtcp import RtcpPacket
from splitter.sdp.webvoice import Transcoding

COPIES = 2
"""How many packets before it each one brings along: of three, two may be lost. As large as G.711 then."""

QUIET_S = 1.0
"""Who sends nothing for so long has stopped, and nothing is made up for it: the other side is to notice."""

CLOCK = 48_000
_UNITS = BLOCK * CLOCK // RATE
_RATIO = CLOCK // RATE
_KEY_S = 0.1  # after a packet of a key: so long is there no voice
_LEAST_LOSS = 5  # percent that Opus is always told to be ready for
_MARKER = 0x80


def _fresh() -> VoiceStream:
    return VoiceStream(secrets.randbits(32), secrets.randbits(16), secrets.randbits(32))


class Transcoder:
    """The voice of one browser.

    Attributes:
        plan: what each side speaks.
        heard: what the browser sends. told: what the inside sends.
    """

    def __init__(self, plan: Transcoding, cname: str) -> None:
        self._cname = cname
        self._coder = Opus()
        self._law: VoiceCodec = codec_of(plan.inside)
        self.plan = plan
        self.heard = Incoming(plan.browser, self._coder, plan.red_type)
        self.told = Incoming(plan.inside, self._law)
        self._outwards, self._inwards = _fresh(), _fresh()
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=COPIES)
        self._block: Samples = np.zeros(BLOCK, np.float32)
        self._browser_at = self._inside_at = self._key_at = float("-inf")
        self._key = -1, 0  # the time that the browser gave a key, and ours for the same
        self._from_browser, self._from_inside = HeardStream(CLOCK), HeardStream(RATE)
        self._reports = BetweenReports(_RATIO)

    def follow(self, plan: Transcoding) -> None:
        """Go by another plan; the streams go on. Raises LocalError where that cannot be."""
        if plan == self.plan:
            return
        law = codec_of(plan.inside)
        if plan.inside != self.plan.inside:
            self._law = law
            self.told.speak(plan.inside, law)
        self.heard.speak(plan.browser, self._coder, plan.red_type)
        self.plan = plan

    @property
    def ssrc(self) -> int:
        """Our SSRC towards the browser."""
        return self._outwards.ssrc

    # ---- what comes ----

    def take_browsers(self, packet: Buffer, now: float) -> bytes | None:
        """Take in a packet of the browser. Returns: one that the inside is to have at once."""
        bounds = payload_bounds(packet)
        if bounds is None:
            return None
        self._browser_at = now
        self._from_browser.count(packet, now)
        self.heard.take(packet, now)
        if packet[1] & 0x7F == self.plan.browser.digits_payload_type:
            return self._key_packet(packet, bounds, now)
        return None

    def take_insides(self, packet: Buffer, now: float) -> None:
        """Take in a packet of the inside."""
        if payload_bounds(packet) is not None:
            self._inside_at = now
            self._from_inside.count(packet, now)
            self.told.take(packet, now)

    def _key_packet(self, packet: Buffer, bounds: tuple[int, int], now: float) -> bytes | None:
        """A packet of a key, with our numbers and times (RFC 4733 §2.3)."""
        kind, payload = self.plan.inside.digits_payload_type, bytes(packet[bounds[0] : bounds[0] + 4])
        if kind is None or bounds[1] - bounds[0] < 4:
            return None
        stream, timestamp = self._inwards, int.from_bytes(packet[4:8], "big")
        self._key_at = now
        if timestamp != self._key[0]:
            self._key = timestamp, stream.timestamp
        duration = int.from_bytes(payload[2:], "big") // _RATIO
        second = packet[1] & _MARKER | kind
        head = HEADER.pack(VERSION, second, stream.sequence, self._key[1], stream.ssrc)
        stream.sequence = (stream.sequence + 1) & 0xFFFF
        stream.packets += 1
        stream.octets += 4
        stream.begins = True
        return head + payload[:2] + duration.to_bytes(2, "big")

    # ---- what goes ----

    def beat(self, now: float) -> tuple[bytes | None, bytes | None]:
        """A block is due. Returns: the packet for the inside, and the one for the browser; None: nothing to say."""
        return self._to_inside(now), self._to_browser(now)

    def skip(self, blocks: int) -> None:
        """Blocks are left out: the clock stood still."""
        self._inwards.skip(blocks * BLOCK)
        self._outwards.skip(blocks * _UNITS)

    def _to_inside(self, now: float) -> bytes | None:
        stream = self._inwards
        if now - self._browser_at > QUIET_S or not self.heard.packets:
            _pause(stream, BLOCK)
            return None
        block = self._read(self.heard)
        if now - self._key_at < _KEY_S:
            stream.skip(BLOCK)
            return None
        return stream.pack(self.plan.inside.payload_type, self._law.encode(block), BLOCK)

    def _to_browser(self, now: float) -> bytes | None:
        stream = self._outwards
        payload = b""
        if now - self._inside_at <= QUIET_S and self.told.packets:
            payload = self._coder.encode(self._read(self.told))
        if not payload:
            _pause(stream, _UNITS)
            self._recent.clear()
            return None
        kind, spoken = self.plan.browser.payload_type, payload
        if self.plan.red_type is not None:
            older = [RedBlock(kind, stream.timestamp - at & 0xFFFF_FFFF, one) for at, one in self._recent]
            kind, payload = self.plan.red_type, red.build([*older, RedBlock(kind, 0, payload)])
        self._recent.append((stream.timestamp, spoken))
        return stream.pack(kind, payload, _UNITS)

    def _read(self, incoming: Incoming) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        incoming.playout.read(self._block)
        return np.rint(np.clip(self._block, -32768, 32767)).astype(np.int16)

    # ---- reports ----

    def take_browsers_reports(self, messages: list[RtcpPacket], now: float) -> None:
        """Hear how the browser gets what we send."""
        self._from_browser.note(messages, now)
        missed = self._reports.from_browser(messages, self._outwards.ssrc, now)
        if missed is not None:
            self._coder.expect_loss(max(_LEAST_LOSS, missed))

    def take_insides_reports(self, messages: list[RtcpPacket], now: float) -> None:
        """Hear the reports of whoever is behind the relay."""
        self._from_inside.note(messages, now)
        self._reports.from_relay(messages, now)

    def reports(self, wall: float, now: float) -> tuple[bytes, bytes]:
        """The report for the inside, and the one for the browser."""
        inside = self._reports.to_relay(self._inwards, self._from_inside, self._cname, wall, now)
        return inside, self._reports.to_browser(self._outwards, self._from_browser, self._cname, wall, now)


def _pause(stream: VoiceStream, units: int) -> None:
    stream.skip(units)
    stream.begins = True
