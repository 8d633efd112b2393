"""Traces of calls for Homer, or whoever takes HEP, beside the store. Does I/O: a datagram each.

A call has a SIP Call-ID for each leg. Homer brings together what has one correlation id, and finds logs by the Call-ID
of a message: so every packet of a call, message or log, is correlated by the Call-ID of the call's first leg.
"""

from __future__ import annotations

import re
import socket
import time
from collections import OrderedDict
from dataclasses import dataclass

from prometheus_client import Counter

from splitter.core.net import Address
from splitter.telemetry.ends import Ends, MessagePath
from splitter.telemetry.hep import CaptureAgent, Payload, packet
from splitter.telemetry.metrics import REGISTRY
from splitter.telemetry.trace import TraceEvent, TraceSink

CALLS = 20_000
"""Calls that are remembered, to correlate what comes later; older ones begin anew."""

_REMEMBERED_S = 60.0  # so long after the last failure there is an alarm
_CORRELATION_BYTES = 256
_CALL_ID = re.compile(rb"(?im)^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)")

PACKETS = Counter(
    "splitter_hep_packets_total",
    "Packets for the HEP collector, by result: sent, failed (the system did not take them).",
    ["result"],
    registry=REGISTRY,
)


@dataclass(slots=True)
class _ToldCall:
    """Knowledge of a call: how it is correlated, and the path of its latest message, which logs are told with."""

    correlation: str
    path: MessagePath


class Homer:
    """A sink of traces that tells a collector, and another sink first.

    Args:
        sink: where events go in any case.
        collector: where packets are sent, over UDP.
        agent: who we are there.
        logs: tell what else happens (states, notes, alarms) as well as messages.
    """

    def __init__(self, sink: TraceSink, collector: Address, agent: CaptureAgent, logs: bool) -> None:
        self._sink, self._agent, self._logs = sink, agent, logs
        self._ends = Ends()
        self._calls: OrderedDict[str, _ToldCall] = OrderedDict()
        self._collector = collector
        self._failed_at = -_REMEMBERED_S
        self._fault = ""
        family = socket.AF_INET6 if ":" in collector.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._connected = False

    @property
    def alarm(self) -> str:
        """The alarm, in plain words; "" while packets leave. Whether they arrive, UDP does not tell."""
        if time.monotonic() - self._failed_at >= _REMEMBERED_S:
            return ""
        return f"the HEP collector {self._collector} is not told everything: {self._fault}"

    def close(self) -> None:
        """Give the socket back; nothing is told from now on."""
        self._socket.close()

    @property
    def remembered(self) -> int:
        """Number of calls that are remembered, for leak tests."""
        return len(self._calls)

    def write(self, event: TraceEvent) -> None:
        """Tell of an event. Never blocks and never raises."""
        self._sink.write(event)
        if event.kind == "message":
            self._tell_message(event)
        elif self._logs and (call := self._calls.get(event.call_id)) is not None:
            words = f"{event.leg or 'call'} {event.kind}: {event.text}".encode(errors="replace")
            self._send(packet(self._agent, call.path, event.at, Payload.LOG, words, call.correlation))

    def _tell_message(self, event: TraceEvent) -> None:
        path = self._ends.path_of(event)
        if path is None:
            return  # the peer has no address: a Unix socket
        call = self._calls.get(event.call_id)
        if call is None:
            found = _CALL_ID.search(event.data[:65_536])
            name = found[1].decode("latin-1")[:_CORRELATION_BYTES] if found else event.call_id
            call = self._calls[event.call_id] = _ToldCall(name, path)
            while len(self._calls) > CALLS:
                self._calls.popitem(last=False)
        call.path = path
        self._send(packet(self._agent, path, event.at, Payload.SIP, event.data, call.correlation))

    def _send(self, data: bytes) -> None:
        try:
            if not self._connected:  # only so does the system tell that nobody listens there
                self._socket.connect(self._collector)
                self._connected = True
            self._socket.send(data)
        except OSError as error:
            PACKETS.labels("failed").inc()
            self._failed_at, self._fault = time.monotonic(), error.strerror or str(error)
        else:
            PACKETS.labels("sent").inc()
