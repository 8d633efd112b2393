"""Requests that are too long for a datagram (RFC 3261 §18.1.1). Time is an argument."""

from __future__ import annotations

from splitter.core.net import Address, Flow
from splitter.sip.events import Output, Transmit
from splitter.sip.message import Request
from splitter.sip.transactions.matching import client_key
from splitter.transport.addressing import Addressing

_REFUSED_S = 60.0
"""A peer that did not take a TCP connection is not asked again for this time; large requests go to it over UDP."""
_REFUSED_PEERS = 256


class LargeRequests:
    """Which requests go over TCP instead, and which of those come back.

    Args:
        limit_bytes: a longer request is large.
    """

    def __init__(self, addressing: Addressing, limit_bytes: int) -> None:
        self._addressing = addressing
        self._limit_bytes = limit_bytes
        self._refused: dict[tuple[str, Address], float] = {}

    def stream(self, output: Output, flow: Flow, now: float) -> Flow | None:
        """The TCP flow that a request should take; None where it stays on its own."""
        if flow.transport != "udp" or not isinstance(output, Transmit) or len(output.data) <= self._limit_bytes:
            return None
        refused_at = self._refused.get((flow.network, flow.remote))
        if refused_at is not None and now - refused_at < _REFUSED_S:
            return None
        local = self._addressing.local(flow.network, "tcp", flow.remote.host)
        return Flow(flow.network, "tcp", local, flow.remote) if local is not None else None

    def refused(self, flow: Flow, now: float) -> None:
        """The peer did not take the TCP connection."""
        if len(self._refused) >= _REFUSED_PEERS:
            self._refused.clear()
        self._refused[flow.network, flow.remote] = now

    def way_back(self, transmit: Transmit) -> Flow | None:
        """The UDP flow for the large ACK of a 2xx that TCP did not take: it has no transaction that would notice.

        It is told from the ACK of a refusal by its branch: that one is part of the INVITE's transaction.
        """
        flow, ack = transmit.flow, transmit.message
        if flow.transport != "tcp" or len(transmit.data) <= self._limit_bytes:
            return None
        if not isinstance(ack, Request) or ack.method != "ACK":
            return None
        if client_key(ack.via.branch or "", "INVITE") == transmit.txn:
            return None
        local = self._addressing.local(flow.network, "udp", flow.remote.host)
        return Flow(flow.network, "udp", local, flow.remote) if local is not None else None
