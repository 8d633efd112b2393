"""One recording that is being made: what taps send becomes tracks of a file. Writes through its sink.

A stream of a name goes on in its track when another worker sends it: only what it is made of makes another one.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from splitter.core.errors import PeerError
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, TapPiece
from splitter.media.record.clock import StreamClock
from splitter.media.record.formats import KeptVoice, kept
from splitter.media.record.matroska import Muxer, Track
from splitter.media.record.pictures import CodedPicture, PictureMaker, turned
from splitter.rtp.packet import HEADER, payload_bounds
from splitter.rtp.reorder import OrderedPacket, Reorder, begins_anew
from splitter.rtp.rtcp import SenderReport, parse
from splitter.sdp.voice import VoiceFormat

_STATIC = {0: VoiceFormat("PCMU", 0), 8: VoiceFormat("PCMA", 8), 9: VoiceFormat("G722", 9)}  # RFC 3551 §6
_COMFORT_NOISE = 13
_STREAMS_LIMIT = 64
_PLACED_LIMIT = 256
_GAP_S = 2.0
_CODECS_LIMIT = 8
_RATE_MOST, _CHANNELS_MOST = 384_000, 8  # whatever SDP says

log = structlog.get_logger(__name__)

Note = Callable[[float, str, dict[str, object]], None]
"""Takes the time in the recording, what happened, and more about it."""


class Take:
    """One file's streams.

    Args:
        muxer: of the file. write, rewrite: to its end, and its head.
        origin: the steady clock's time that is 0 in the file.
        note: takes what is seen in the streams.

    Attributes:
        frames: that were written. unknown: packets that could not be used. dropped: those that never came here.
    """

    def __init__(
        self,
        muxer: Muxer,
        write: Callable[[bytes], None],
        rewrite: Callable[[bytes], None],
        origin: float,
        note: Note,
    ) -> None:
        self._muxer, self._write, self._rewrite = muxer, write, rewrite
        self._origin = origin
        self._note = note
        self._channels: dict[tuple[str, str], RecordedVoice | RecordedVideo] = {}
        self._tracks: dict[tuple[str, str], int] = {}
        self._last: dict[int, float] = {}
        self._failed = False
        self.frames = self.unknown = self.dropped = 0

    def take(self, what: Described, piece: TapPiece) -> None:
        """Take in a piece of a stream, whatever a peer made of it. Raises OSError where it cannot be written."""
        try:
            self._take(what, piece)
        except OSError:
            raise
        except (PeerError, ValueError):
            self.unknown += 1
        except Exception:
            self.unknown += 1
            if not self._failed:
                log.exception("a packet could not be recorded", name=what.name, kind=what.kind)
            self._failed = True

    def _take(self, what: Described, piece: TapPiece) -> None:
        if piece.kind is Kind.LOST:
            self.dropped += batch.read_lost(piece.data)
            return
        channel = self._channel(what)
        match piece.kind:
            case Kind.RTP if isinstance(channel, RecordedVoice):
                channel.take(bytes(piece.data), piece.at)
            case Kind.RTCP if isinstance(channel, RecordedVoice):
                channel.report(bytes(piece.data))
            case Kind.PICTURE if isinstance(channel, RecordedVideo):
                channel.take(batch.read_picture(piece.data), piece.at)
            case Kind.REPORT if isinstance(channel, RecordedVideo):
                channel.clock.report(*batch.read_report(piece.data))
            case _:
                pass

    def _channel(self, what: Described) -> RecordedVoice | RecordedVideo:
        key = (what.kind, what.name)
        channel = self._channels.get(key)
        if channel is None:
            if len(self._channels) >= _STREAMS_LIMIT:
                raise PeerError("too many streams")
            if what.kind == "voice":
                channel = RecordedVoice(what, self._frame)
            else:
                leader = self._channels.get(("voice", what.name)) if what.kind == "picture" else None
                channel = RecordedVideo(what, StreamClock(what.clock_rate, leader.clock if leader else None), self)
            self._channels[key] = channel
        elif isinstance(channel, RecordedVoice) and what != channel.what:
            channel.learn(what)
        return channel

    def _frame(self, owner: str, track: Track, at: float, data: bytes, key: bool) -> int:
        """Write a frame of a stream. Returns: the number of its track."""
        number = self._tracks.get((owner, track.codec + track.data.hex() if not track.video else ""))
        time = at - self._origin
        if number is None:
            number = self._muxer.add(track)
            self._tracks[owner, track.codec + track.data.hex() if not track.video else ""] = number
            if not number:
                raise PeerError("too many tracks")
            self._rewrite(self._muxer.head)
            turned: dict[str, object] = {"degrees": track.turned} if track.video else {}
            self._note(time, "track", {"track": number, "name": track.name, "codec": track.codec, **turned})
        if not number:
            raise PeerError("too many tracks")
        last = self._last.get(number)
        if last is not None and time - last > _GAP_S:
            self._note(time, "gap", {"track": number, "name": track.name, "seconds": round(time - last, 3)})
        time = max(0.0, time, last if last is not None else 0.0)
        self._last[number] = time
        self.frames += 1
        self._write(self._muxer.block(number, time, data, key))
        return number

    def picture(
        self, what: Described, pictures: PictureMaker, picture: CodedPicture, at: float, shown: int | None
    ) -> None:
        """Write a picture; `shown`: how it was turned before."""
        shape = pictures.shape
        assert shape is not None
        name = "shown to the caller" if what.kind == "shown" else what.name
        degrees = turned(pictures.orientation)
        track = Track(name, "V_MPEG4/ISO/AVC", pictures.record, True, shape.width, shape.height, turned=degrees)
        number = self._frame(f"{what.kind} {what.name}", track, at, picture.data, picture.key)
        if shown is not None and degrees != shown:
            self._note(at - self._origin, "turned", {"track": number, "degrees": degrees})


def _plausible(rate: int) -> int:
    return rate if 0 < rate <= _RATE_MOST else 8000


class RecordedVoice:
    """One voice.

    Args:
        write: takes whose it is, the track, the time, the frame, and whether a player can begin there.

    Attributes:
        what: it is. clock: its own.
    """

    def __init__(self, what: Described, write: Callable[[str, Track, float, bytes, bool], int]) -> None:
        self._write = write
        self.clock = StreamClock(_plausible(what.clock_rate))
        self._reorder = Reorder()
        self._ssrc = -1
        self._highest = 0
        self._placed: dict[int, tuple[float, KeptVoice]] = {}
        self._kept: dict[int, KeptVoice] = {}
        self.learn(what)

    def learn(self, what: Described) -> None:
        """Take in what it is made of from now on."""
        self.what = what
        self._rate = _plausible(what.clock_rate)
        self.clock.follow(self._rate)
        formats = {
            kind: VoiceFormat(name, kind, _plausible(rate), max(1, min(channels, _CHANNELS_MOST)), fmtp=fmtp)
            for kind, name, rate, channels, fmtp in what.encodings
        }
        known = formats if formats and self._rate != 8000 else {**_STATIC, **formats}
        self._kept = {kind: kept(what.name, one) for kind, one in list(known.items())[:_CODECS_LIMIT]}

    def report(self, data: bytes) -> None:
        """Take in its RTCP."""
        for message in parse(data):
            if isinstance(message, SenderReport) and message.ssrc == self._ssrc:
                self.clock.report(message.ntp, message.rtp)

    def take(self, data: bytes, at: float) -> None:
        """Take in a packet. Raises PeerError, ValueError where it cannot be used."""
        bounds = payload_bounds(data)
        if bounds is None or 192 <= data[1] <= 223:  # RTCP on the same port (RFC 5761 §4)
            raise PeerError("no RTP")
        _, second, number, timestamp, ssrc = HEADER.unpack_from(data)
        kind = second & 0x7F
        if kind in self.what.digits or kind == _COMFORT_NOISE:
            return
        format = self._kept.get(kind)
        if format is None:
            raise PeerError(f"payload type {kind} is none of this voice")
        if ssrc != self._ssrc:
            self._ssrc, self._highest = ssrc, number
            self.clock.restart()
            self._reorder.restart()
            self._placed.clear()
        delta = ((number - self._highest + 0x8000) & 0xFFFF) - 0x8000
        sequence = self._highest + delta
        anew = begins_anew(delta)
        if anew:
            self._reorder.restart()
            self._placed.clear()
        if delta > 0 or anew:
            self._highest = sequence
        if len(self._placed) >= _PLACED_LIMIT:
            self._placed.clear()
        self._placed[sequence] = self.clock.place(timestamp, at), format
        packet = OrderedPacket(sequence, timestamp, False, bytes(data[bounds[0] : bounds[1]]), False)
        for held in self._reorder.push(packet, at):
            self._put(held)

    def _put(self, held: OrderedPacket) -> None:
        placed = self._placed.pop(held.sequence, None)
        if placed is None:
            return
        at, format = placed
        for units, frame in format.frames(held.payload):
            self._write(f"voice {self.what.name}", format.track, at + units / self._rate, frame, True)


class RecordedVideo:
    """One picture's stream.

    Attributes:
        what: it is. clock: its own, led by the voice of the same sender.
    """

    def __init__(self, what: Described, clock: StreamClock, take: Take) -> None:
        self.what = what
        self.clock = clock
        self._take = take
        self._pictures = PictureMaker()
        self._generation = -1
        self._turned: int | None = None

    def take(self, packet: batch.PicturePacket, at: float) -> None:
        """Take in a packet."""
        if packet.generation != self._generation:
            self._generation = packet.generation
            self.clock.restart()
        pictures = self._pictures
        for picture in pictures.push(packet, at):
            placed = self.clock.place(picture.timestamp, picture.arrived)
            self._take.picture(self.what, pictures, picture, placed, self._turned)
            self._turned = turned(pictures.orientation)
