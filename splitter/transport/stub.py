"""One question to the DNS, by dnspython. Does I/O.

The only module that imports dnspython, which takes 0.1 s: it is loaded when the first name is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence

from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.name import Name, from_text
from dns.nameserver import Do53Nameserver
from dns.rdata import Rdata
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV
from dns.resolver import NXDOMAIN, NoAnswer

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.transport.targets import DnsAnswer, DnsQuestion, Naptr, Srv

TRIES = 3  # of one question at one server, within its bound


class Stub:
    """A stub resolver.

    Args:
        servers: name servers, asked in this order; those of the system, as it names them now, where there are none.
        limit_s: the bound on one question.
    Raises:
        PeerError: the system has none.
    """

    def __init__(self, servers: Sequence[Address], limit_s: float) -> None:
        try:
            self._resolver = Resolver(configure=not servers)
        except (DNSException, OSError) as error:
            raise PeerError(f"the system names no DNS servers: {error}", 503) from error
        if servers:
            self._resolver.nameservers = [Do53Nameserver(server.host, server.port) for server in servers]
        self._resolver.lifetime = limit_s
        self._resolver.timeout = limit_s / TRIES

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """The records that answer a question; none where it says that there are none.

        Raises:
            PeerError: it does not answer, or fails.
        """
        try:
            found = await self._resolver.resolve(from_text(question.name), question.kind)
        except (NXDOMAIN, NoAnswer):
            return DnsAnswer()
        except (DNSException, OSError, UnicodeError) as error:
            text = str(error).rstrip(".") or type(error).__name__
            raise PeerError(f"{question.kind} of {question.name}: {text}", 503) from error
        ttl_s = None if found.rrset is None else float(found.rrset.ttl)
        return DnsAnswer(tuple(_record(record) for record in found), ttl_s)


def _record(record: Rdata) -> Naptr | Srv | str:
    if isinstance(record, SRV):
        return Srv(record.priority, record.weight, record.port, _printed(record.target))
    if isinstance(record, NAPTR):
        words = (record.flags.decode("ascii", "replace"), record.service.decode("ascii", "replace"))
        return Naptr(record.order, record.preference, *words, _printed(record.replacement))
    return record.to_text()


def _printed(name: Name) -> str:
    """Without the final dot, but for the root alone."""
    return name.to_text(omit_final_dot=True)
