"""The media side of a peer's call: which ports it has, what it offers and answers. Legal offers and answers only (RFC 3264)
and written without the gateway's own functions for them, so that one can catch the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitter.core.net import Address
from splitter.lab.offers import LineNumbers, VideoLine, Voice, handset_offer, seat_offer
from splitter.sdp.codec import Codec
from splitter.sdp.model import Connection, Media, MediaPort, Origin, Session
from splitter.sdp.parse import parse

_SENDING = ("sendrecv", "sendonly")
_RECEIVING = ("sendrecv", "recvonly")
_EVENTS = "telephone-event"
# Of an offered line, what an answer repeats; the rest (transport, reservation, capabilities) was the offerer's.
_REPEATED = ("rtpmap", "fmtp", "rtcp-fb", "extmap", "ptime", "maxptime", "imageattr")


@dataclass(frozen=True, slots=True)
class Way:
    """One direction-pair of a stream as a peer sees it: where it sends to, and whether it sends and receives."""

    target: Address
    sends: bool
    receives: bool


class Terminal:
    """One call's media at a peer.

    Attributes:
        ours, theirs: the descriptions in force; None before there are any.
        sent: the last one that was sent, refused offers included.
        wish: the direction of the audio that this side wants: "sendonly" while it holds the call.
    """

    def __init__(self, host: str, first_port: int, session_id: int) -> None:
        self.host = host
        self.port = first_port
        self.ours: Session | None = None
        self.theirs: Session | None = None
        self.sent: Session | None = None
        self.wish = "sendrecv"
        self._session_id = session_id
        self._moves = 0
        self._video_line: Media | None = None

    # ---- descriptions ----

    def first_offer(self, voice: Voice = Voice.AMR, picture: VideoLine = VideoLine.VILTE, **directions: str) -> Session:
        """A handset's offer; `directions` are audio_direction, video_direction."""
        video = None if picture is VideoLine.NONE else self._end(2)
        description = LineNumbers(self.host, self._session_id, 1, self._end(0), video, **directions)
        return self.note(parse(handset_offer(description, voice, picture)))

    def seat_offer(self, mode: int = 1) -> Session:
        """An agent's offer: video alone."""
        description = LineNumbers(self.host, self._session_id, 1, None, self._end(2))
        return self.note(parse(seat_offer(description, mode=mode)))

    def given(self, body: bytes) -> Session:
        """An offer that a test wrote itself."""
        return self.note(parse(body))

    def answer(self, offer: Session, *, audio: str = "", video: str = "sendrecv", codec: int = 0) -> Session:
        """Answer an offer.

        Args:
            audio, video: wanted directions, bounded by the offer; "off" refuses the line. For audio the default is
                the wish: who holds the call holds it still.
            codec: which of the offered voice codecs is taken (modulo their number).
        """
        lines = []
        taken: set[str] = set()
        for index, media in enumerate(offer.media):
            wanted = {"audio": audio or self.wish, "video": video}.get(media.kind, "off")
            if media.port == 0 or wanted == "off" or media.kind in taken:
                lines.append(_refused(media))
                continue
            taken.add(media.kind)
            lines.append(self._answered(media, _narrower(offer.direction_of(index), wanted), codec))
        session = Session(
            origin=self._origin(), connection=Connection.to(self.host), times=offer.times, media=tuple(lines)
        )
        return self.note(session)

    def change(self, *, audio: str | None = None, video: str | None = None, move: bool = False) -> Session:
        """A new offer out of what is in force.

        Args:
            audio: another direction. video: another direction, "off", or "on".
            move: to other ports.
        """
        assert self.ours is not None
        self._moves += move
        self.wish = audio or self.wish
        audio = self.wish
        lines = []
        for media in self.ours.media:
            line = media.without(("acfg",))
            if media.kind == "video" and video == "on" and not media.port:
                line = self._video_line or media
            if line.port:
                line = self._changed(line, audio if media.kind == "audio" else video, move)
            lines.append(line)
        return self.note(replace(self.ours, media=tuple(lines)))

    # ---- what was agreed ----

    def agree(self, ours: Session, theirs: Session) -> None:
        """Offer and answer are complete."""
        self.ours, self.theirs = ours, theirs
        for media in ours.media:
            if media.kind == "video" and media.port:
                self._video_line = media.without(("acfg",)).with_direction("sendrecv")

    def way(self, kind: str) -> Way | None:
        """How a stream flows; None where it is off."""
        if self.ours is None or self.theirs is None:
            return None
        for index, (mine, other) in enumerate(zip(self.ours.media, self.theirs.media, strict=False)):
            if mine.kind == kind and mine.port and other.port:
                end = self.theirs.address_of(index)
                here, there = self.ours.direction_of(index), self.theirs.direction_of(index)
                return Way(
                    Address(end.host, end.rtp_port),
                    here in _SENDING and there in _RECEIVING,
                    here in _RECEIVING and there in _SENDING,
                )
        return None

    def local(self, kind: str) -> Address | None:
        """Where we receive a stream; None where it is off."""
        for index, media in enumerate(self.ours.media if self.ours else ()):
            if media.kind == kind and media.port:
                assert self.ours is not None
                end = self.ours.address_of(index)
                return Address(end.host, end.rtp_port)
        return None

    # ---- inside ----

    def _end(self, offset: int) -> MediaPort:
        port = self.port + offset + 4 * self._moves
        return MediaPort(self.host, port, port + 1)

    def _origin(self) -> Origin:
        return self.sent.origin if self.sent else Origin.of(self.host, self._session_id)

    def note(self, session: Session) -> Session:
        """Give a description its version: one up for each change (RFC 3264 §8)."""
        if self.sent is not None:
            session = replace(session, origin=self.sent.origin)
            if session != self.sent:
                session = replace(session, origin=self.sent.origin.next())
        self.sent = session
        return session

    def _changed(self, line: Media, direction: str | None, move: bool) -> Media:
        if direction == "off":
            return _refused(line)
        if direction not in (None, "on"):
            line = line.with_direction(direction)
        if move:
            line = line.with_(port=self._end(0 if line.kind == "audio" else 2).rtp_port)
        return line

    def _answered(self, offered: Media, direction: str, codec: int) -> Media:
        chosen = _voice(offered.codecs, codec) if offered.kind == "audio" else _picture(offered.codecs)
        if not chosen:
            return _refused(offered)
        formats = tuple(str(one.payload_type) for one in chosen)
        kept = [
            item
            for item in offered.attributes
            if item.name in _REPEATED
            and (
                item.name in ("extmap", "ptime", "maxptime") or (item.value or "").partition(" ")[0] in (*formats, "*")
            )
        ]
        port = self._end(0 if offered.kind == "audio" else 2).rtp_port
        line = Media(offered.kind, port, offered.proto, formats, attributes=tuple(kept))
        return line.with_direction(direction)


def _voice(codecs: tuple[Codec, ...], choice: int) -> list[Codec]:
    voices = [codec for codec in codecs if codec.name.lower() not in (_EVENTS, "cn")]
    if not voices:
        return []
    voice = voices[choice % len(voices)]
    events = [codec for codec in codecs if codec.name.lower() == _EVENTS and codec.clock == voice.clock]
    return [voice, *events[:1]]


def _picture(codecs: tuple[Codec, ...]) -> list[Codec]:
    return [codec for codec in codecs if codec.name.upper() == "H264"][:1]


def _refused(media: Media) -> Media:
    return Media(media.kind, 0, media.proto, media.formats)


def _narrower(offered: str, wanted: str) -> str:
    """RFC 3264 §6.1, in a table of its own."""
    sends = wanted in _SENDING and offered in _RECEIVING
    receives = wanted in _RECEIVING and offered in _SENDING
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (sends, receives), "inactive"
    )
