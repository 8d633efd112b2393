"""What is decided about a message before the transaction layer sees it: whether it is SIP, and whether its sender may.

What is refused here is answered without a transaction: nothing is kept, and a repetition is answered anew. Does no I/O
of its own but for the log.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from splitter.core.clock import Clock
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.events import Transmit
from splitter.sip.message import Message, Request, Response
from splitter.sip.parse import MalformedRequest, parse_message
from splitter.sip.transactions.matching import reply_flow, stamp
from splitter.transport.counters import TransportCounters
from splitter.transport.dispatch import Dispatch, OtherSide
from splitter.transport.gate import Gate
from splitter.transport.quiet import Quiet

log = structlog.get_logger(__name__)


class Screening:
    """Reads messages, and says what is answered to those that go no further.

    Args:
        limit_bytes: longer messages are refused.
        party_ok: whether a source is the other side of a dialog, as `dispatch` knows it.
    """

    def __init__(
        self,
        limit_bytes: int,
        gate: Gate,
        dispatch: Dispatch,
        party_ok: Callable[[Flow, OtherSide], bool],
        counters: TransportCounters,
        clock: Clock,
        quiet: Quiet,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._gate = gate
        self._dispatch = dispatch
        self._party_ok = party_ok
        self._counters = counters
        self._clock = clock
        self._quiet = quiet

    def read(self, data: bytes) -> Message | None:
        """Parse a message; None for a keep-alive over UDP.

        Raises:
            PeerError: it is no SIP, or too long.
        """
        if not data.strip(b"\r\n\0"):
            return None
        if len(data) > self._limit_bytes:
            raise PeerError(f"longer than {self._limit_bytes} bytes", 513)
        return parse_message(data)

    def refuse(self, flow: Flow, error: PeerError, request: Request | None = None) -> Transmit | None:
        """Count and log a message that is malformed; its answer, where it can be answered."""
        if isinstance(error, MalformedRequest):
            request = error.request
        self._counters.malformed(flow.network, flow.transport)
        self._gate.abuse(flow, "oversize" if error.status == 513 else "malformed")
        if (held := self._quiet.permit(f"malformed {flow.remote.host}", self._clock.now())) is not None:
            log.warning("malformed SIP", source=str(flow), reason=error.reason, similar=held)
        if request is None or request.method == "ACK":
            return None
        way = _way_back(request, flow)
        response = MalformedRequest(error.reason, error.status, request).response()
        return None if response is None or way is None else _at_once(response, way)

    def is_foreign(self, request: Request, flow: Flow) -> bool:
        """True for a request about a dialog of somebody else.

        Tags and Call-IDs pass through proxies, records and logs: to know them is no leave to end a call (RFC 3261
        §26.1.4).
        """
        party = self._dispatch.party(request)
        return party is not None and not self._party_ok(flow, party)

    def disown(self, request: Request, flow: Flow) -> Transmit | None:
        """Count a foreign request; its answer: to its sender that dialog is not there."""
        self._gate.abuse(flow, "foreign-dialog", f"{request.method} in a dialog of another peer")
        if request.method == "ACK" or (way := _way_back(request, flow)) is None:
            return None
        return _at_once(request.respond(481), way)


def _way_back(request: Request, flow: Flow) -> Flow | None:
    """Where the answer to a request goes, whose Via is made ready for it; None where no Via says so."""
    try:
        way = reply_flow(request.via, flow)
        stamp(request, flow)
    except PeerError:
        return None
    return way


def _at_once(response: Response, way: Flow) -> Transmit:
    return Transmit(way, response.serialize(), response, "")
