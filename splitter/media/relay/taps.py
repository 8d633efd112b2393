"""Taps on the sides of a relay: copies for the recorder. Sends by its line."""

from __future__ import annotations

from collections.abc import Mapping

from splitter.media.ports.recording import RecordingTap
from splitter.media.record.batch import Described, Kind
from splitter.media.record.outlets import TapOutlet, TapStream
from splitter.media.relay.side import RelaySide
from splitter.rtp.packet import Buffer


class VoiceTaps:
    """The taps of one relay."""

    def __init__(self) -> None:
        self._tap: RecordingTap | None = None
        self._line: TapOutlet | None = None
        self._feeds: dict[int, TapStream] = {}

    def set(self, tap: RecordingTap | None, line: TapOutlet | None, sides: Mapping[int, RelaySide]) -> None:
        """Tap for this recording from now on, by this line; None: for none."""
        if tap == self._tap:
            return
        for side in sides.values():
            side.rtp.tap = side.rtcp.tap = None
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()
        self._tap, self._line = tap, line
        self.follow(sides)

    def follow(self, sides: Mapping[int, RelaySide]) -> None:
        """Tap the sides that are there, each for what it speaks now."""
        if self._tap is None or self._line is None:
            return
        for number in [number for number in self._feeds if number not in sides]:
            self._feeds.pop(number).close()
        for number, side in sides.items():
            if not self._tap.takes(side.name):
                continue
            described = _described(self._tap.recording, side)
            feed = self._feeds.get(number)
            if feed is None:
                feed = self._feeds[number] = self._line.open(described)
                side.rtp.tap, side.rtcp.tap = LaneTap(feed, Kind.RTP), LaneTap(feed, Kind.RTCP)
            feed.change(described)


class LaneTap:
    """The tap of one lane."""

    __slots__ = ("_feed", "_kind")

    def __init__(self, feed: TapStream, kind: Kind) -> None:
        self._feed, self._kind = feed, kind

    def take(self, data: Buffer, now: float) -> None:
        """Copy a packet; no fault of that holds it up."""
        try:
            self._feed.put(self._kind, now, data)
        except Exception:
            self._feed.fail()


def _described(recording: str, side: RelaySide) -> Described:
    voice = side.remote.voice if side.remote is not None else None
    if voice is None:
        return Described(recording, side.name, "voice")
    numbers = voice.numbers_of(voice.payload_type)
    spoken = tuple((one, voice.encoding, voice.clock_rate, voice.channels, voice.fmtp) for one in numbers)
    digits = () if voice.digits_payload_type is None else voice.numbers_of(voice.digits_payload_type)
    return Described(recording, side.name, "voice", voice.clock_rate, spoken, digits)
