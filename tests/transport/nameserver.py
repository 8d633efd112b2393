"""A small name server on a loopback socket, which fails when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from splitter.core.net import Address


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`: (name, type) → record texts, or an rcode.

    Attributes:
        silent: types of questions that get no answer at all; "*" for all.
        asked: questions, in order.
    """

    zone: dict[tuple[str, str], list[str] | int] = field(default_factory=dict)
    ttl: int = 60
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: Address = field(default_factory=lambda: Address("", 0))
    _transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.address = Address(*transport.get_extra_info("sockname")[:2])

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        key = (question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype))
        self.asked.append(key)
        if self.silent & {key[1], "*"}:
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        found = self.zone.get(key, [])
        if isinstance(found, int):
            reply.set_rcode(dns.rcode.Rcode(found))
        elif found:
            reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", key[1], *found))
        elif not any(name == key[0] for name, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        assert self._transport is not None
        self._transport.sendto(reply.to_wire(), source)


@asynccontextmanager
async def name_server(zone: dict[tuple[str, str], list[str] | int] | None = None) -> AsyncIterator[NameServer]:
    """A name server that listens."""
    server = NameServer(zone or {})
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
