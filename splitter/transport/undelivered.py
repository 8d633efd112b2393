"""What becomes of a message that could not be sent, or whose connection broke: another way, or a failure.

RFC 3261 §18.1.1 (too large for UDP, and no TCP there), §18.4 (ICMP errors). Does no I/O of its own but for the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import structlog

from splitter.core.net import Address
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import Output, TransactionId, Transmit
from splitter.sip.message import Request
from splitter.sip.transactions.matching import client_key
from splitter.transport.addressing import Addressing
from splitter.transport.dispatch import Dispatch
from splitter.transport.large import LargeRequests
from splitter.transport.quiet import Quiet

log = structlog.get_logger(__name__)

_BRANCH = re.compile(rb"\A([A-Z]+) .*?;branch=(z9hG4bK[0-9a-z]+)", re.DOTALL)
"""Method and branch of a request of ours, in as much of it as an ICMP error quotes; our Via stands first."""


class Undelivered:
    """Finds another way for requests that did not arrive, or ends them; says what is to be done."""

    def __init__(
        self,
        endpoint: Endpoint,
        dispatch: Dispatch,
        large: LargeRequests,
        addressing: Addressing,
        quiet: Quiet,
    ) -> None:
        self._endpoint = endpoint
        self._dispatch = dispatch
        self._large = large
        self._addressing = addressing
        self._quiet = quiet

    def unsent(self, transmit: Transmit, reason: str, now: float) -> Iterable[Output]:
        """A message could not be sent: another way for a request that has one, else the transaction hears of it."""
        if (flow := self._large.way_back(transmit)) is not None and isinstance(transmit.message, Request):
            self._large.refused(transmit.flow, now)
            return self._endpoint.acknowledge(transmit.txn, transmit.message, flow, now, self._addressing.sent_by(flow))
        ask = self._dispatch.asks.get(transmit.txn)
        if ask is not None and ask.fallback is not None and transmit.flow.transport == "tcp":
            flow, ask.fallback = ask.fallback, None
            self._large.refused(transmit.flow, now)
            return self._endpoint.reroute(transmit.txn, flow, self._addressing.sent_by(flow), now)
        if (held := self._quiet.permit(reason, now)) is not None:
            log.warning("message not sent", reason=reason, call_id=transmit.message.call_id, similar=held)
        return self._endpoint.transport_failed(transmit.txn, now, reason)

    def broken(self, requests: Iterable[TransactionId], reason: str, now: float) -> Iterator[Iterable[Output]]:
        """A connection broke. Requests without a response are sent once more, over a new one: the peer may have
        dropped an old connection without telling (and has then not seen them)."""
        for txn in requests:
            ask = self._dispatch.asks.get(txn)
            if ask is None:
                continue
            flow = self._endpoint.flow_of(txn)
            if flow is None or ask.retried:
                yield self._endpoint.transport_failed(txn, now, reason, sent=True)
            else:
                ask.retried = True
                yield self._endpoint.reroute(txn, flow, self._addressing.sent_by(flow), now)

    def bounced(self, quoted: bytes, remote: Address, reason: str, now: float) -> Iterable[Output]:
        """An ICMP error (RFC 3261 §18.4). The second one for a request fails it: between the two lies timer A or E, in
        which a peer that is just restarting may come back. Only who saw the request can quote its branch."""
        found = _BRANCH.search(quoted)
        if found is None:
            return ()
        txn = client_key(found[2].decode(), found[1].decode())
        ask = self._dispatch.asks.get(txn)
        if ask is None:
            return ()
        if not ask.bounced:
            ask.bounced = True
            return ()
        return self._endpoint.transport_failed(txn, now, f"cannot send to {remote}: {reason}")
