"""Who has the media of a lab call: a tone and a test picture behind offers and answers (RFC 3264). Does I/O.

A handset has both, a seat has the picture alone. What the peer's description says is carried out at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.audio import AudioStream
from splitter.lab.offers import SIZES, LineNumbers, VideoLine, Voice, handset_offer, seat_offer
from splitter.lab.ports import PortPair
from splitter.lab.tone import PCMA, PCMU
from splitter.lab.video import VideoStream
from splitter.sdp.model import Attribute, Connection, Media, MediaPort, Session
from splitter.sdp.offer_answer import answer_direction
from splitter.sdp.parse import parse
from splitter.sdp.video import VideoFormat, answer_video, choose_video, refuse
from splitter.sdp.write import write

_VIDEO_KBPS = 960
_PICTURE_CONTROL = "application/media_control+xml"  # RFC 5168


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a party writes its offers. `seat`: a video-only line of a SIP client with this payload type and mode."""

    voice: Voice = Voice.G711
    picture: VideoLine = VideoLine.VILTE
    preconditions: bool = False
    seat: bool = False
    payload_type: int = 99
    mode: int = 1


class MediaParty:
    """Offers, answers and follows descriptions for one call.

    Attributes:
        held: audio and video are offered sendonly.
        with_video: video is offered and accepted; taken back by False, its line then has port 0.
        consent: what is said to a peer that offers video: True accepts, False answers port 0.
        descriptions_in: the peer's descriptions, parsed, oldest first.
        video_format: what the peer takes, None while there is no video.
        picture_requests: INFO requests for a key frame.
        behind: address that the peer's SDP names → where it is in fact, on this side of its NAT.
    """

    def __init__(
        self, host: str, dialect: Dialect, audio: AudioStream | None, video: VideoStream | None, ids: IdSource
    ) -> None:
        self.held = False
        self.with_video = dialect.picture is not VideoLine.NONE
        self.consent = True
        self.descriptions_in: list[Session] = []
        self.video_format: VideoFormat | None = None
        self.picture_requests = 0
        self.behind: Mapping[str, str] = {}
        self._host = host
        self.dialect = dialect
        self._audio = audio
        self._video = video
        self._session_id = ids.number(1 << 40)
        self._version = 0
        self._local: Session | None = None

    # ---- Party ----

    def offer(self) -> bytes:
        """Our lines as things stand; the version rises with each offer."""
        direction = "sendonly" if self.held else "sendrecv"
        video = self._video if self.with_video else None
        self._version += 1
        description = LineNumbers(
            self._host,
            self._session_id,
            self._version,
            _port(self._audio.ports) if self._audio else None,
            _port(video.ports) if video else None,
            direction,
            direction,
        )
        if self.dialect.seat:
            body = seat_offer(description, self.dialect.payload_type, self.dialect.mode)
        else:
            picture = self.dialect.picture
            if picture is VideoLine.NONE and self._local and any(line.kind == "video" for line in self._local.media):
                picture = VideoLine.VILTE  # the peer has added a line, which stays (RFC 3264 §8)
            body = handset_offer(description, self.dialect.voice, picture, self.dialect.preconditions)
        self._local = parse(body)
        return body

    def answered(self, answer: bytes) -> None:
        remote = parse(answer)
        self.descriptions_in.append(remote)
        for index in range(len(remote.media)):
            self._follow(remote, index)

    def answer(self, offer: bytes) -> bytes:
        remote = parse(offer)
        self.descriptions_in.append(remote)
        self._version += 1
        lines = tuple(self._answer_line(remote, index) for index in range(len(remote.media)))
        if not any(line.port for line in lines):
            raise PeerError("none of the offered lines can be used", 488)
        local = self._local
        if local is None:
            local = parse(handset_offer(self._empty_description(), Voice.G711, VideoLine.NONE))
        self._local = replace(local, origin=replace(local.origin, version=self._version), media=lines)
        for index in range(len(remote.media)):
            self._follow(remote, index)
        return write(self._local)

    def consented(self, video: bool) -> None:
        self.with_video = self.consent = video

    def asks_for_video(self, offer: bytes) -> bool:
        """True if an offer of the peer brings video where there is none now."""
        return self.video_format is None and any(m.kind == "video" and m.port for m in parse(offer).media)

    def information(self, content_type: str, body: bytes) -> None:
        if content_type == _PICTURE_CONTROL and b"picture_fast_update" in body and self._video:
            self.picture_requests += 1
            self._video.request_arrived()

    # ---- for the owner ----

    @property
    def remote(self) -> Session | None:
        """The peer's last description."""
        return self.descriptions_in[-1] if self.descriptions_in else None

    async def close(self) -> None:
        """Stop the streams and free their ports."""
        for stream in (self._audio, self._video):
            if stream is not None:
                await stream.close()

    # ---- answering ----

    def _answer_line(self, remote: Session, index: int) -> Media:
        media = remote.media[index]
        offered = remote.flow_of(index)
        wanted = "recvonly" if self.held else "sendrecv"
        if media.kind == "audio" and media.port and self._audio:
            return self._answer_voice(media, answer_direction(offered, wanted))
        if media.kind == "video" and media.port and self._video and self.with_video and self.consent:
            chosen = choose_video(media, remote.attributes)
            if chosen is not None:
                local = _port(self._video.ports)
                answer = answer_video(
                    media, chosen, local, answer_direction(offered, wanted), _VIDEO_KBPS,
                    session_attributes=remote.attributes,
                )  # fmt: skip
                sizes = SIZES.get(self.dialect.picture)
                if not sizes:
                    return answer
                line = Attribute("imageattr", f"{chosen.payload_type} {sizes}")
                return answer.with_(attributes=(*answer.without(("imageattr",)).attributes, line))
        return refuse(media)

    def _answer_voice(self, media: Media, direction: str) -> Media:
        """One G.711 law and telephone-event, as they were offered."""
        assert self._audio is not None
        laws = [codec for codec in media.codecs if codec.payload_type in (PCMA, PCMU)]
        if not laws:
            return refuse(media)
        events = [codec for codec in media.codecs if codec.key == ("telephone-event", 8000, 1)]
        formats = tuple(str(codec.payload_type) for codec in (laws[0], *events[:1]))
        kept = tuple(
            item
            for item in media.attributes
            if item.name in ("rtpmap", "fmtp") and (item.value or "").partition(" ")[0] in formats
        )
        port = _port(self._audio.ports)
        line = Media("audio", port.rtp_port, media.proto, formats, connection=Connection.to(port.host), attributes=kept)
        return line.with_direction(direction)

    def _empty_description(self) -> LineNumbers:
        audio = _port(self._audio.ports) if self._audio else MediaPort(self._host, 0, 0)
        return LineNumbers(self._host, self._session_id, self._version, audio, None)

    # ---- following ----

    def _follow(self, remote: Session, index: int) -> None:
        media = remote.media[index]
        if media.kind == "audio" and self._audio:
            self._follow_voice(remote, index, media)
        elif media.kind == "video" and self._video:
            self._follow_picture(remote, index, media)

    def _follow_voice(self, remote: Session, index: int, media: Media) -> None:
        assert self._audio is not None
        laws = [codec.payload_type for codec in media.codecs if codec.payload_type in (PCMA, PCMU)]
        if not media.port or not laws or not self._may_send(remote, index):
            self._audio.disconnect()
            return
        rtp, rtcp = self._addresses(remote, index)
        self._audio.connect(rtp, rtcp, laws[0])

    def _follow_picture(self, remote: Session, index: int, media: Media) -> None:
        assert self._video is not None
        ours = self._local.media[index] if self._local is not None else None
        self.video_format = choose_video(media, remote.attributes) if ours is not None and ours.port else None
        if self.video_format is None or not self._may_send(remote, index):
            self._video.disconnect()
            return
        rtp, rtcp = self._addresses(remote, index)
        self._video.connect(rtp, rtcp, self.video_format.payload_type, self.video_format.packetization_mode)

    def _may_send(self, remote: Session, index: int) -> bool:
        return remote.flow_of(index) in ("sendrecv", "recvonly")

    def _addresses(self, remote: Session, index: int) -> tuple[Address, Address]:
        end = remote.address_of(index)
        host = self.behind.get(end.host, end.host)
        return Address(host, end.rtp_port), Address(host, end.rtcp_port)


def _port(ports: PortPair) -> MediaPort:
    return MediaPort(ports.host, ports.rtp_port, ports.rtcp_port)
