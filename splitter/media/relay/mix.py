"""A mix as part of a relay: its clock, the packets to and from its sides, and the way back to a copy. Sends by ports.

A block goes out every 20 ms. What a side hears goes on under the numbers that it knows: where packets were copied to
it, those of the first packet that is not copied any more. On the way back, what still waits of a voice is sent along
before its first packet is copied, so that no sample is left out.
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.core.net import Address
from splitter.media.ports.voice import Hearing, MixedSide
from splitter.media.relay.copy import fresh_stream
from splitter.media.relay.side import RelaySide
from splitter.media.voice import BLOCK, BLOCK_S, RATE
from splitter.media.voice.codecs import Block
from splitter.media.voice.keys import KeyPressed
from splitter.media.voice.mixer import Mixer
from splitter.media.voice.speaker import NOBODY
from splitter.media.voice.stream import VoiceStream
from splitter.media.wire.beat import Beat
from splitter.media.wire.host import Host
from splitter.rtp.packet import Buffer, payload_bounds
from splitter.rtp.rtcp import SenderReport, SourceDescription, build, ntp_time
from splitter.sdp.voice import VoiceFormat

_HERE = Address("", 0)
_AWAIT_BLOCKS = 3  # how long the numbers of what was copied are waited for
_REPORT_BLOCKS = 250  # 5 s (RFC 3550 §6.2)
_PAYLOADS_LIMIT = 6  # blocks of a packet: 120 ms


class Inlet:
    """Way of one side's packets into a mix; see `Egress`."""

    __slots__ = ("_mix", "_number", "destination")

    def __init__(self, mix: Mix, number: int) -> None:
        self._mix, self._number = mix, number
        self.destination: Address | None = _HERE

    def send(self, data: Buffer, to: Address, /) -> bool:
        """Take in a packet."""
        self._mix.take(self._number, data)
        return True


class Mix:
    """The sides of a relay that are mixed.

    Args:
        cname: of our reports.
        on_speaker: told which side speaks; NOBODY for silence.
        on_key: told that a side has pressed a key.
    """

    def __init__(
        self, host: Host, cname: str, on_speaker: Callable[[int], None], on_key: Callable[[int, KeyPressed], None]
    ) -> None:
        self.mixer = Mixer()
        self._host = host
        self._cname = cname
        self._on_speaker, self._on_key = on_speaker, on_key
        self._sides: dict[int, RelaySide] = {}
        self._following: dict[int, int] = {}  # by whose packets: who has heard them until now
        self._waiting: dict[int, list[bytes]] = {}  # payloads of a packet that is not full yet
        self._blocks = 0
        self._ended: Callable[[], None] | None = None
        self._clock = Beat(host, BLOCK_S, self._on_block, self._miss)

    # ---- who is in it --------------------------------------------------------------------------------------------

    def admit(self, side: RelaySide, format: VoiceFormat) -> None:
        """Let a side in, or let it speak another format. Raises LocalError where that cannot be mixed."""
        number = side.number
        if number in self._sides and format != self.mixer.format(number):
            self._waiting.pop(number, None)  # in the words of before
        self.mixer.admit(number, format)
        if number not in self._sides:
            self._sides[number] = side
            side.hold()
            side.rtp.peer = Inlet(self, number)

    def dismiss(self, number: int) -> None:
        """Let a side out; whoever is not there is no error."""
        side = self._sides.pop(number, None)
        self._waiting.pop(number, None)
        self._following.pop(number, None)
        if side is not None:
            side.hold()
            self.mixer.dismiss(number)

    def follow(self, one: int, other: int) -> None:
        """Note that these two have heard each other until now."""
        self._following = {one: other, other: one}
        self.mixer.go_on(one, other)

    def let_hear(self, hearing: Hearing) -> None:
        """Say who hears whom."""
        self.mixer.let_hear(hearing)

    @property
    def members(self) -> list[int]:
        """The sides that are in it."""
        return list(self._sides)

    # ---- packets -------------------------------------------------------------------------------------------------

    def take(self, number: int, data: Buffer) -> None:
        """Take in a packet of a side."""
        incoming = self.mixer.incoming(number)
        keys = incoming.take(data, self._host.now())
        if number in self._following and _is_voice(data, self.mixer.format(number)):
            side = self._sides.get(self._following.pop(number))
            if side is not None and side.stream is None:
                side.stream = VoiceStream.following(data)
        for key in keys:
            self._on_key(number, key)

    def _on_block(self, now: float) -> None:
        self._block(now)
        if self._ended is not None:
            self._clock.stop()
            self._ended()

    def _miss(self, blocks: int) -> None:
        """The clock stood still for so long that it is no use to make up for it."""
        for number, side in self._sides.items():
            if side.stream is not None:
                side.stream.skip(blocks * _units(self.mixer.format(number)))

    def _block(self, now: float) -> None:
        changed = self.mixer.tick()
        for number, block in self.mixer.told():
            self._tell(self._sides[number], block)
        self._blocks += 1
        for number in self._sides:
            for key in self.mixer.incoming(number).lapsed(now):
                self._on_key(number, key)
        if not self._blocks % _REPORT_BLOCKS:
            self._report()
        if changed:
            self._on_speaker(self.mixer.speaker.now)

    def _tell(self, side: RelaySide, block: Block) -> None:
        """Send a side what it is to hear, once a packet is full."""
        number = side.number
        stream = side.stream
        if stream is None:
            if self._blocks < _AWAIT_BLOCKS and number in self._following.values():
                return
            stream = side.stream = fresh_stream()
        payload = self.mixer.encode(number, block)
        format = self.mixer.format(number)
        blocks = min(max(1, format.ptime_ms // 20), _PAYLOADS_LIMIT) if format.is_g711 else 1
        if blocks > 1:
            waiting = self._waiting.setdefault(number, [])
            waiting.append(payload)
            if len(waiting) < blocks:
                return
            payload, blocks = b"".join(waiting), len(waiting)
            waiting.clear()
        self._send(side, stream, payload, format, blocks * _units(format))

    def _send(self, side: RelaySide, stream: VoiceStream, payload: bytes, format: VoiceFormat, units: int) -> None:
        to = side.rtp.destination
        if to is None or not payload:
            stream.skip(units)
            return
        packet = stream.pack(format.payload_type, payload, units)
        if side.rtp.send(packet, to):
            side.sent += 1
            side.sent_bytes += len(packet)

    def _report(self) -> None:
        """Say how our time goes (RFC 3550 §6.4.1): what a mix sends is a stream of its own."""
        ntp = ntp_time(self._host.wall())
        for side in self._sides.values():
            stream, to = side.stream, side.rtcp.destination
            if stream is not None and to is not None:
                sender = SenderReport(stream.ssrc, ntp, stream.timestamp, stream.packets, stream.octets)
                side.rtcp.send(build([sender, SourceDescription(stream.ssrc, self._cname)]), to)
                side.reports.note_sent(stream.ssrc, ntp, self._host.now())

    # ---- the way back --------------------------------------------------------------------------------------------

    def end(self, ended: Callable[[], None]) -> None:
        """Stop after one more block, in which whoever left is faded out."""
        self._ended = ended

    def go_on(self) -> None:
        """Do not stop after all."""
        self._ended = None

    def rest(self, source: RelaySide, target: RelaySide) -> bytes:
        """Say what is left of a voice for whoever hears its next packet as it comes; a payload."""
        format = target.remote.voice if target.remote is not None else None
        if source.number not in self.mixer or format is None or not format.is_g711:
            return b""
        return b"".join(self._waiting.get(target.number, ())) + self.mixer.rest(source.number, target.number)

    def report(self, number: int) -> MixedSide:
        """How a side does."""
        return self.mixer.report(number)

    @property
    def speaker_told(self) -> bool:
        """Whether somebody was said to speak, and speaks still."""
        return self.mixer.speaker.now != NOBODY

    def stop(self) -> None:
        """Stop the clock at once."""
        self._clock.stop()
        self._ended = None
        self._sides.clear()


def _units(format: VoiceFormat) -> int:
    """The timestamp units of a block."""
    return BLOCK * format.clock_rate // RATE


def _is_voice(data: Buffer, format: VoiceFormat) -> bool:
    return payload_bounds(data) is not None and data[1] & 0x7F == format.payload_type
