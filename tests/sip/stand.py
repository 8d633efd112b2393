"""A test stand for the endpoint: virtual time, one peer, and short ways to write messages."""

from __future__ import annotations

import random
from collections.abc import Iterable

from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import Output, Transmit
from splitter.sip.message import Headers, Message, Request, Response
from splitter.sip.parse import parse_message
from splitter.sip.timers import Timers

US = Address("10.0.0.1", 5060)
PEER = Address("10.0.0.9", 5060)
UDP = Flow("access", "udp", US, PEER)
TCP = Flow("access", "tcp", US, PEER)


def incoming(
    method: str = "INVITE",
    *,
    branch: str | None = "z9hG4bKpeer1",
    sent_by: str = "10.0.0.9",
    via_params: str = "",
    uri: str = "sip:12345@10.0.0.1",
    from_tag: str = "from1",
    to_tag: str = "",
    call_id: str = "call1@peer",
    cseq: int = 1,
    headers: Iterable[tuple[str, str]] = (),
) -> Request:
    """A request as a peer would send it, through the parser."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {sent_by}{via_params}" + (f";branch={branch}" if branch else ""),
        f"From: <sip:13800000000@10.0.0.9>;tag={from_tag}",
        "To: <sip:12345@10.0.0.1>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        "Max-Forwards: 70",
        *(f"{name}: {value}" for name, value in headers),
        "Content-Length: 0",
    ]
    message = parse_message(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(message, Request)
    return message


def outgoing(method: str = "INVITE", headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Request:
    """A request as our own user would hand it in: no Via."""
    lines = [
        ("From", "<sip:gw@10.0.0.1>;tag=ours"),
        ("To", "<sip:12345@10.0.0.9>"),
        ("Call-ID", "call1@gw"),
        ("CSeq", f"7 {method}"),
        *headers,
    ]
    return Request(method, "sip:12345@10.0.0.9", Headers(lines), body)


def ack_of(response: Response) -> Request:
    """The ACK that the user makes for a 2xx."""
    lines = [(name, response.headers.get(name) or "") for name in ("From", "To", "Call-ID")]
    return Request("ACK", "sip:agent@10.0.0.9", Headers([*lines, ("CSeq", f"{response.cseq[0]} ACK")]))


class Stand:
    """An endpoint, its clock, and a record of all it put out.

    Attributes:
        record: (time, output) in order.
    """

    def __init__(self, timers: Timers | None = None, limit: int = 200_000) -> None:
        self.endpoint = Endpoint(timers or Timers(), IdSource(random.Random(1)), "stand", limit)
        self.now = 0.0
        self.record: list[tuple[float, Output]] = []

    def take(self, outputs: list[Output]) -> list[Output]:
        self.record += [(self.now, output) for output in outputs]
        return outputs

    def receive(self, message: Message, flow: Flow = UDP) -> list[Output]:
        return self.take(self.endpoint.receive(message, flow, self.now))

    def request(self, request: Request, flow: Flow = UDP, answer_limit_s: float | None = None) -> str:
        txn, outputs = self.endpoint.request(request, flow, US, self.now, answer_limit_s)
        self.take(outputs)
        return txn

    def respond(self, txn: str, request: Request, status: int, to_tag: str | None = "ours") -> list[Output]:
        return self.take(self.endpoint.respond(txn, request.respond(status, to_tag=to_tag), self.now))

    def cancel(self, txn: str, reason: str | None = None) -> list[Output]:
        return self.take(self.endpoint.cancel(txn, self.now, reason))

    def acknowledge(self, txn: str, response: Response, flow: Flow = UDP) -> list[Output]:
        return self.take(self.endpoint.acknowledge(txn, ack_of(response), flow, self.now))

    def run(self, seconds: float) -> list[tuple[float, Output]]:
        """Let time pass, timer by timer; returns what came out, with its time from the start of this run."""
        start, mark = self.now, len(self.record)
        while (at := self.endpoint.next_timeout()) is not None and at <= start + seconds:
            assert at >= self.now, "time never goes back"
            self.now = at
            self.take(self.endpoint.on_timeout(at))
        self.now = start + seconds
        return [(round(at - start, 6), output) for at, output in self.record[mark:]]

    def last_sent(self) -> Transmit:
        return next(output for _, output in reversed(self.record) if isinstance(output, Transmit))

    def reply(self, sent: Transmit, status: int, to_tag: str = "peer") -> Response:
        """The peer's response to something we sent, through the parser."""
        assert isinstance(sent.message, Request)
        message = parse_message(sent.message.respond(status, to_tag=to_tag).serialize())
        assert isinstance(message, Response)
        return message


def what(outputs: Iterable[Output]) -> list[str]:
    """Outputs in short: "> INVITE" or "> 180" for messages sent, else the event's name, with a status where it has one."""
    names = []
    for output in outputs:
        if isinstance(output, Transmit):
            message = output.message
            names.append(f"> {message.method if isinstance(message, Request) else message.status}")
        else:
            status = getattr(output, "status", None) or getattr(getattr(output, "response", None), "status", None)
            names.append(type(output).__name__ + (f" {status}" if status else ""))
    return names


def timeline(outputs: Iterable[tuple[float, Output]]) -> list[tuple[float, str]]:
    """The same with times."""
    return [(at, what([output])[0]) for at, output in outputs]
