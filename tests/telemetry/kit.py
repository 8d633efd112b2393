"""Messages, a clock and a sink for tests of the trace."""

from __future__ import annotations

from splitter.core.net import Address, Flow
from splitter.sip.message import Message
from splitter.sip.parse import parse_message
from splitter.telemetry.trace import TraceEvent

FLOW = Flow("access", "udp", Address("10.0.0.9", 5060), Address("10.0.0.1", 5060))

AUDIO = """\
v=0
o=- 1 1 IN IP4 10.0.0.1
s=-
c=IN IP4 10.0.0.1
t=0 0
m=audio 31018 RTP/AVP 107 8 101
a=rtpmap:107 AMR-WB/16000
a=rtpmap:101 telephone-event/8000
"""
VIDEO = """\
m=video 37058 RTP/AVP 120 123
a=rtpmap:120 H265/90000
a=rtpmap:123 H264/90000
a=fmtp:123 profile-level-id=42C01F;packetization-mode=1
"""


class VirtualClock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return 1_767_225_600.0 + self.time


class ListSink:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []

    def write(self, event: TraceEvent) -> None:
        self.events.append(event)

    def told(self) -> list[tuple[str, str, str]]:
        return [(event.call_id, event.leg, event.text) for event in self.events]


def data(
    first: str, call_id: str = "a@x", *, cseq: str = "1 INVITE", sdp: str = "", more: str = "", to: str = ""
) -> bytes:
    """A message with the headers that it must have; `more` holds further header lines."""
    body = sdp.replace("\n", "\r\n")
    kind = "Content-Type: application/sdp\n" if sdp else ""
    head = (
        f"{first}\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\nFrom: <sip:138@x>;tag=1\nTo: <sip:110@y>{to}\n"
        f"Call-ID: {call_id}\nCSeq: {cseq}\n{more}{kind}Content-Length: {len(body)}\n\n"
    )
    return (head.replace("\n", "\r\n") + body).encode()


def message(first: str, call_id: str = "a@x", **more: str) -> tuple[Message, bytes]:
    """The same, parsed."""
    raw = data(first, call_id, **more)
    return parse_message(raw), raw


INVITE = "INVITE sip:110@10.0.0.9 SIP/2.0"
