"""Asks the DNS where the neighbours with names are (RFC 3263), and keeps asking as the answers run out. Does I/O.

Names are watched, not looked up when a call needs them: a call only ever reads what is known, so that no fault of the
DNS delays one. An answer stays in use until a better one is there; how old it is, is not held against it (RFC 8767 §4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.telemetry import metrics
from splitter.transport.targets import DnsAnswer, DnsQuestion, Located, Wanted, locate
from splitter.transport.tasks import Tasks

if TYPE_CHECKING:
    from splitter.transport.stub import Stub

HOSTS = Path("/etc/hosts")
REFRESH_LEAST_S, REFRESH_MOST_S = 5.0, 3600.0
"""Bounds on the time to live that the records tell: neither a storm of questions nor a change that is never seen."""
RETRY_MOST_S = 30.0


@dataclass(frozen=True, slots=True)
class WatchedName:
    """A name whose answer is kept fresh.

    Attributes:
        told: set once it was found for the first time, or was not.
    """

    told: asyncio.Event
    _task: asyncio.Task[None]

    def stop(self) -> None:
        """Ask for it no longer."""
        self._task.cancel()


class Resolver:
    """Looks names up, once or for as long as it lives.

    Args:
        servers: name servers; those of the system (/etc/resolv.conf) where there are none.
        limit_s: what finding a name's servers may take, all questions together.
        hosts: names that are known without asking.
    """

    def __init__(self, servers: Sequence[Address], limit_s: float, hosts: Path = HOSTS) -> None:
        self.limit_s = limit_s
        self._servers = tuple(servers)
        self._hosts = hosts
        self._tasks = Tasks()

    async def locate(self, wanted: Wanted) -> Located:
        """Where a name leads now; at least one target.

        Raises:
            PeerError: status 503: nothing was found in time, or it leads nowhere.
        """
        outcome = "failed"
        try:
            async with asyncio.timeout(self.limit_s):
                located = await self._follow(wanted)
            if not located.targets:
                outcome = "nothing"
                raise PeerError(f"{wanted.host.name} has no address that our listeners reach", 503)
            outcome = "found"
            return located
        except TimeoutError as error:
            raise PeerError(f"{wanted.host.name}: the DNS did not answer in {self.limit_s:g} s", 503) from error
        finally:
            metrics.trunks.DNS_LOOKUPS.labels(outcome).inc()

    def watch(self, wanted: Wanted, found: Callable[[Located], None], failed: Callable[[str], None]) -> WatchedName:
        """Keep an answer fresh until it, or the resolver, is stopped.

        Args:
            found: told each answer, changed or not.
            failed: told why there is none; the last one stands.
        """
        told = asyncio.Event()
        return WatchedName(told, self._tasks.start(self._keep(wanted, found, failed, told), f"dns {wanted.host.name}"))

    async def stop(self) -> None:
        """Stop watching."""
        await self._tasks.stop()

    # ---- inside ----

    async def _keep(
        self, wanted: Wanted, found: Callable[[Located], None], failed: Callable[[str], None], told: asyncio.Event
    ) -> None:
        failures = 0
        while True:
            try:
                located = await self.locate(wanted)
            except PeerError as error:
                failures += 1
                failed(error.reason)
            else:
                failures = 0
                found(located)
            told.set()
            await asyncio.sleep(pause(failures, 0.0 if failures else located.ttl_s))

    async def _follow(self, wanted: Wanted) -> Located:
        """Carry out the procedure: ask what it asks."""
        from splitter.transport.stub import Stub

        # Half of the time for one question: a name server that swallows NAPTR leaves the rest for SRV and A.
        stub = Stub(self._servers, self.limit_s / 2)
        names = _names(self._hosts)
        local = _key(wanted.host.name) in names
        steps = locate(wanted)
        try:
            questions = next(steps)
            while True:
                asked = (_ask(stub, question, names, local) for question in questions)
                questions = steps.send(list(await asyncio.gather(*asked)))
        except StopIteration as end:
            located: Located = end.value
            return located


def pause(failures: int, ttl_s: float) -> float:
    """Seconds until the next look-up: as long as the answer holds; after failures a little longer each time."""
    if failures:
        return min(RETRY_MOST_S, 2.0 ** min(failures, 10))
    return min(max(ttl_s, REFRESH_LEAST_S), REFRESH_MOST_S)


async def _ask(stub: Stub, question: DnsQuestion, names: Mapping[str, Sequence[str]], local: bool) -> DnsAnswer:
    """The hosts file goes before the DNS; what stands there (`local`) has no other records."""
    if question.kind in ("A", "AAAA"):
        if known := names.get(_key(question.name)):
            return DnsAnswer(tuple(host for host in known if (":" in host) == (question.kind == "AAAA")))
    elif local:
        return DnsAnswer()
    try:
        return await stub.ask(question)
    except PeerError:
        if question.kind == "NAPTR":
            return DnsAnswer()  # some name servers fail on NAPTR; SRV tells the same in more questions
        raise


def _key(name: str) -> str:
    return name.rstrip(".").lower()


def _names(hosts: Path) -> dict[str, list[str]]:
    """The hosts file: name → addresses (hosts(5))."""
    try:
        lines = hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[str, list[str]] = {}
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        try:
            address = str(ip_address(address))
        except ValueError:
            continue
        for name in names:
            found.setdefault(_key(name), []).append(address)
    return found
