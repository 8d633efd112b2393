"""A SIP message and its SDP in plain words, for people who read a trace.

INVITE 110; offer: audio AMR-WB/107 AMR/105 dtmf/101 → 10.0.0.1:31018, video H264/123 42c01f mode 1 → :37058
183 Session Progress (INVITE); answer: audio AMR-WB/107 dtmf/101 → 10.9.0.1:30000, video off
INVITE 110; offer: audio PCMA/8 → 10.0.0.1:31018, video off; overlooked: an m= line without a format: m=video 0 RTP/AVP
BYE; reason: Q.850;cause=16;text="Normal call clearing"
NOTIFY; told: SIP/2.0 180 Ringing
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitter.core.errors import PeerError
from splitter.sdp.codec import Codec
from splitter.sdp.model import Media, Session
from splitter.sdp.parse import parse as parse_sdp
from splitter.sip.message import Message, Request
from splitter.sip.multipart import find_part
from splitter.sip.oddities import oddities
from splitter.sip.parse import parse_message
from splitter.sip.uri import user_of
from splitter.telemetry.trace import TraceEvent

CODECS_SHOWN = 4
_REMEMBERED = 200  # INVITEs without an offer that are remembered


@dataclass(frozen=True, slots=True)
class Summary:
    """One message in words.

    Attributes:
        label: short, for an arrow: "INVITE", "183 INVITE".
        line: the request or status line: "INVITE 110", "183 Session Progress (INVITE)".
        details: what else matters: "offer: …", "reason: …"; "" where nothing does.
    """

    label: str
    line: str
    details: str

    def __str__(self) -> str:
        return f"{self.line}; {self.details}" if self.details else self.line


class Summariser:
    """Puts the messages of one trace into words, in order; remembers who made the offer."""

    def __init__(self) -> None:
        self._offerless: dict[tuple[str, int], None] = {}

    def describe(self, event: TraceEvent) -> TraceEvent:
        """The event with its text in words instead of bytes; what is not a message stays as it is."""
        if event.kind != "message":
            return event
        return replace(event, text=str(self.summarise(event)), data=b"")

    def summarise(self, event: TraceEvent) -> Summary:
        """A message in words. What cannot be parsed is shown by its first line."""
        try:
            message = parse_message(event.data)
            label, line = _label(message), _line(message)
        except PeerError as error:
            first = event.data.split(b"\r\n", 1)[0].decode(errors="replace")
            return Summary(event.text[:12], first or event.text, f"cannot be read: {error.reason}")
        return Summary(
            label,
            line,
            "; ".join(filter(None, [self._session(message), *_headers(message), _told(message), _odd(message)])),
        )

    def _session(self, message: Message) -> str:
        try:
            number, method = message.cseq
            transaction = (message.call_id, number)
            data = find_part(message, "application/sdp")
            if data is None:
                if isinstance(message, Request) and method == "INVITE":
                    self._remember(transaction)
                    return "no offer"
                return ""
            offered = self._is_offer(message, method, transaction)
            session = parse_sdp(data)
            overlooked = f"; overlooked: {'; '.join(session.oddities)}" if session.oddities else ""
            return f"{'offer' if offered else 'answer'}: {describe_session(session)}{overlooked}"
        except PeerError as error:
            return f"SDP cannot be read: {error.reason}"

    def _is_offer(self, message: Message, method: str, transaction: tuple[str, int]) -> bool:
        """RFC 3261 §13.2.1: the offer is in the INVITE, or else in the first reliable response; then ACK answers."""
        if isinstance(message, Request):
            return method in ("INVITE", "UPDATE")
        return transaction in self._offerless

    def _remember(self, transaction: tuple[str, int]) -> None:
        self._offerless[transaction] = None
        if len(self._offerless) > _REMEMBERED:
            del self._offerless[next(iter(self._offerless))]


def describe_session(session: Session) -> str:
    """Describe the m-lines in words. The host is told once while it stays the same."""
    lines, host_before = [], ""
    for index, media in enumerate(session.media):
        words = [media.kind, *_codecs(media)]
        direction = session.direction_of(index)
        if media.port == 0:
            words = [media.kind, "off"]
        else:
            if direction != "sendrecv":
                words.append(direction)
            host, port, _ = session.address_of(index)
            words.append(f"→ {'' if host == host_before else host}:{port}")
            host_before = host
        lines.append(" ".join(words))
    return ", ".join(lines) or "no media"


def _codecs(media: Media) -> list[str]:
    codecs = media.codecs
    if media.kind == "video":
        return [_video(codec) for codec in codecs if codec.name.upper() == "H264"] or [codec.name for codec in codecs]
    if not codecs:
        return list(media.formats[:CODECS_SHOWN])
    tones = [f"dtmf/{codec.payload_type}" for codec in codecs if codec.key[0] == "telephone-event"]
    voices = [f"{codec.name}/{codec.payload_type}" for codec in codecs if codec.key[0] != "telephone-event"]
    more = [f"+{len(voices) - CODECS_SHOWN}"] if len(voices) > CODECS_SHOWN else []
    return voices[:CODECS_SHOWN] + more + tones[:1]


def _video(codec: Codec) -> str:
    parameters = codec.parameters
    profile = parameters.get("profile-level-id", "no profile").lower()
    return f"{codec.name}/{codec.payload_type} {profile} mode {parameters.get('packetization-mode', '0')}"


def _told(message: Message) -> str:
    """How far a transfer is (RFC 3515 §2.4.5)."""
    if not (message.headers.get("content-type") or "").lower().startswith("message/sipfrag"):
        return ""
    return f"told: {message.body.splitlines()[0].decode(errors='replace')[:80]}" if message.body.strip() else ""


def _odd(message: Message) -> str:
    found = oddities(message)
    return f"overlooked: {'; '.join(found)}" if found else ""


def _label(message: Message) -> str:
    if isinstance(message, Request):
        return message.method
    return f"{message.status} {message.cseq[1]}"


def _line(message: Message) -> str:
    if not isinstance(message, Request):
        return f"{message.status} {message.reason} ({message.cseq[1]})"
    if message.method not in ("INVITE", "REFER") or message.to_tag:
        return message.method
    try:
        return f"{message.method} {user_of(message.uri)}".rstrip()
    except PeerError:
        return f"{message.method} {message.uri}"


def _headers(message: Message) -> list[str]:
    """The headers that explain what happened."""
    wanted = ["Reason", "Refer-To"]
    if not isinstance(message, Request):
        wanted = ["Warning", "Retry-After", "Unsupported"] if message.status >= 300 else []
    found = [(name, message.headers.get(name)) for name in wanted]
    return [f"{name.lower()}: {value}" for name, value in found if value]
