"""Where a name leads: which records to ask for, and in which order to use what they name (RFC 3263 §4, RFC 2782). Pure.

`locate` is a generator: it yields questions, is sent their answers, and returns what was found. Who asks the questions,
of whom and how long, is `transport.resolver`'s affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import accumulate, groupby
from typing import NamedTuple, TypeAlias

from splitter.core.keys import ValueProblem
from splitter.core.net import Address
from splitter.core.values import parse_sip_address

AUTO = "auto"
"""The transport of a neighbour whose DNS records say how it wants to be reached."""

SIP_PORT, SIPS_PORT = 5060, 5061
SERVERS_MOST, ADDRESSES_MOST = 16, 8  # what one name may make us remember and try
FRESH_WITHOUT_TTL_S = 60.0  # for what comes from the hosts file
# RFC 3263 §4.1: what a NAPTR record calls a transport, and where its SRV record stands.
_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_PREFIXES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}

_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_NAME = re.compile(rf"((?:{_LABEL}\.)*{_LABEL}\.?)(?::(\d{{1,5}}))?")

Pick: TypeAlias = Callable[[int], int]
"""A random integer in [0, n): `IdSource.number`, so that a seed repeats a run."""


class HostName(NamedTuple):
    """A neighbour's name where an address could stand. Without a port, its SRV records say the port."""

    name: str
    port: int | None = None

    def __str__(self) -> str:
        return self.name if self.port is None else f"{self.name}:{self.port}"


def parse_target(text: str, port: int) -> Address | HostName:
    """An address or a host name (RFC 1123 §2.1), both with or without a port.

    Args:
        port: of an address without one; the records of a name say its port.
    """
    name = _NAME.fullmatch(text)
    # A last label of digits alone is no name: it is an address, maybe with a fault.
    if name is None or len(name[1]) > 253 or name[1].rstrip(".").rpartition(".")[2].isdigit():
        try:
            return parse_sip_address(text, port)
        except ValueProblem as error:
            if "port" in error.what:
                raise
            bare = re.sub(r"^[a-z]+:(//)?", "", text)
            if bare != text and re.fullmatch(r"[\w.-]+(:\d+)?", bare):
                raise ValueProblem(f'"{text}" is a URI, and not an address', f'write "{bare}"') from None
            raise ValueProblem(
                f'"{text}" is not an IP address, and not a host name',
                'write such as "10.0.0.5:5060", "[2001:db8::5]:5060" or "pbx.example.com"',
            ) from None
    given = int(name[2]) if name[2] else None
    if given is not None and not 1 <= given <= 65535:
        raise ValueProblem(f'"{text}" has a port out of range', "use a port from 1 to 65535")
    return HostName(name[1].rstrip(".").lower(), given)


class Target(NamedTuple):
    """One server: a transport and a numeric address."""

    transport: str
    address: Address

    def __str__(self) -> str:
        return f"{self.transport} {self.address}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The server that is looked for.

    Attributes:
        host: the name.
        transport: "udp" or "tcp" where the operator says so; AUTO: the records say.
        reach: transport and address family ("A", "AAAA") of each of our listeners, the preferred one first.
    """

    host: HostName
    transport: str
    reach: tuple[tuple[str, str], ...]

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports that may be used, the preferred one first."""
        ours = tuple(dict.fromkeys(transport for transport, _ in self.reach))
        return ours if self.transport == AUTO else tuple(one for one in ours if one == self.transport)


class DnsQuestion(NamedTuple):
    """`kind` is "NAPTR", "SRV", "A" or "AAAA"."""

    name: str
    kind: str


class Naptr(NamedTuple):
    """RFC 3403 §4.1."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """RFC 2782. `name` is the server's."""

    priority: int
    weight: int
    port: int
    name: str


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """Records of one question; none where there are none. `ttl_s` is None where nothing says how long they hold."""

    records: tuple[Naptr | Srv | str, ...] = ()
    ttl_s: float | None = None


@dataclass(frozen=True, slots=True)
class LocatedServer:
    """One host behind the name.

    Attributes:
        priority: lower ones are used first; compared as a whole.
        weight: its share of what goes to servers of its priority.
        targets: its addresses, equal among each other.
    """

    priority: tuple[int, int]
    weight: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """Where a name leads, for as long as `ttl_s`."""

    servers: tuple[LocatedServer, ...]
    ttl_s: float = float("inf")

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target, in the order of the records."""
        return tuple(dict.fromkeys(target for server in self.servers for target in server.targets))

    def order(self, pick: Pick) -> list[Target]:
        """Every target in the order in which one request tries them: by priority, drawn by weight within it."""
        found: list[Target] = []
        for _, equals in groupby(sorted(self.servers, key=lambda one: one.priority), key=lambda one: one.priority):
            for server in _drawn(list(equals), pick):
                turn = pick(len(server.targets)) if len(server.targets) > 1 else 0
                found += (*server.targets[turn:], *server.targets[:turn])
        return list(dict.fromkeys(found))


def fixed(target: Target) -> Located:
    """The only place where a numeric address leads."""
    return Located((LocatedServer((0, 0), 0, (target,)),))


def locate(wanted: Wanted) -> Generator[list[DnsQuestion], list[DnsAnswer], Located]:
    """The procedure of RFC 3263 §4.1 and §4.2.

    Yields: questions, to be asked at the same time; it is sent their answers in the same order.
    Returns: what was found; without servers where nothing was, or nothing that our listeners reach.
    """
    host, port = wanted.host
    if not wanted.transports:
        return Located(())
    if port is not None:
        # §4.1: an explicit port means no SRV, and UDP unless told otherwise.
        plain = [(_plain(wanted), (0, 0), Srv(0, 0, port, host))]
        return (yield from _addresses(wanted, plain, []))
    ways, ttls = yield from _services(wanted)
    answers = yield [DnsQuestion(name, "SRV") for name, _ in ways]
    found = []
    for rank, ((_, transport), answer) in enumerate(zip(ways, answers, strict=True)):
        records = [record for record in answer.records if isinstance(record, Srv)]
        if records:
            ttls.append(answer.ttl_s)
        # RFC 2782: a single "." says that the service is not offered there.
        found += [(transport, (rank, one.priority), one) for one in records if one.name not in ("", ".")]
    if not found and not any(answer.records for answer in answers):
        transport = _plain(wanted)
        found = [(transport, (0, 0), Srv(0, 0, SIPS_PORT if transport == "tls" else SIP_PORT, host))]
    return (yield from _addresses(wanted, found, ttls))


def _services(
    wanted: Wanted,
) -> Generator[list[DnsQuestion], list[DnsAnswer], tuple[list[tuple[str, str]], list[float | None]]]:
    """Names of SRV records and their transports, the preferred ones first; and how long that holds."""
    host, transports = wanted.host.name, wanted.transports
    guessed = [(f"{_PREFIXES[transport]}.{host}", transport) for transport in transports if transport in _PREFIXES]
    if wanted.transport != AUTO:
        return guessed, []
    (answer,) = yield [DnsQuestion(host, "NAPTR")]
    records = sorted(record for record in answer.records if isinstance(record, Naptr))
    named = []
    for record in records:
        transport = _SERVICES.get(record.service.upper(), "")
        if record.flags.lower() == "s" and transport in transports:
            named.append((record.replacement, transport))
    # NAPTR records that name nothing of ours leave SRV records as the way to find out.
    return (named, [answer.ttl_s]) if named else (guessed, [])


def _addresses(
    wanted: Wanted, found: Sequence[tuple[str, tuple[int, int], Srv]], ttls: Iterable[float | None]
) -> Generator[list[DnsQuestion], list[DnsAnswer], Located]:
    """The addresses of the servers, in the families in which our listeners reach them."""
    found = sorted(found, key=lambda one: one[1])[:SERVERS_MOST]
    questions = [
        DnsQuestion(srv.name, family)
        for transport, _, srv in found
        for ours, family in wanted.reach
        if ours == transport
    ]
    questions = list(dict.fromkeys(questions))
    answers = dict(zip(questions, (yield questions), strict=True)) if questions else {}
    servers = []
    for transport, priority, srv in found:
        families = [family for ours, family in wanted.reach if ours == transport]
        # Name servers shuffle addresses; sorted, the only chance in their order is that of `Located.order`.
        hosts = [host for family in dict.fromkeys(families) for host in _hosts(answers[DnsQuestion(srv.name, family)])]
        targets = [Target(transport, Address(host, srv.port)) for host in hosts[:ADDRESSES_MOST]]
        if targets:
            servers.append(LocatedServer(priority, srv.weight, tuple(targets)))
    held = [*ttls, *(answer.ttl_s for answer in answers.values() if answer.records)]
    return Located(tuple(servers), min((FRESH_WITHOUT_TTL_S if ttl is None else ttl for ttl in held), default=0.0))


def _plain(wanted: Wanted) -> str:
    """The transport where no record names one: §4.1 says UDP, where we have that."""
    return "udp" if "udp" in wanted.transports else wanted.transports[0]


def _drawn(servers: list[LocatedServer], pick: Pick) -> list[LocatedServer]:
    """Servers of one priority, drawn one after the other by weight (RFC 2782, "Weight").

    Weight 0 has the very small chance that it is to have; where no server has a weight, all are equal.
    """
    left, drawn = list(servers), []
    while len(left) > 1:
        shares = [one.weight * 100 or 1 for one in left]
        mark = pick(sum(shares))
        index = next(index for index, end in enumerate(accumulate(shares)) if mark < end)
        drawn.append(left.pop(index))
    return drawn + left


def _hosts(answer: DnsAnswer) -> list[str]:
    """The addresses of an answer in their canonical form."""
    return sorted(str(ip_address(str(record))) for record in answer.records)
