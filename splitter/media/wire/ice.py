"""One generation of ICE (RFC 8445): aioice's checks on a port of ours, and consent (RFC 7675). Sends through its port.

aioice does the checks. What is ours here: one socket from the worker's range instead of sockets of its own, bounds on
all that a peer can make us keep, silence for whoever does not know the password, and consent that tells instead of
closing: a browser that was cut off for a while comes back on the same credentials.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import cast

import structlog
from aioice import stun
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, Connection, StunProtocol
from aioice.utils import random_string

from splitter.core.net import Address
from splitter.media.wire.host import Host, Port

REMOTE_CANDIDATES_LIMIT = 20  # that the peer may name; a browser with several networks has about ten
PAIRS_LIMIT = 40  # with those learned from its checks
CONSENT_INTERVAL_S = 5.0  # RFC 7675 §5.1
_CONSENT_REPEATS = 2  # within 3.5 s: a single lost packet is no lost consent
_UFRAG_CHARACTERS, _PASSWORD_CHARACTERS = 8, 24  # RFC 8445 §5.3: 24 and 128 bits of randomness at least

log = structlog.get_logger(__name__)


class _PortTransport(asyncio.DatagramTransport):
    """What aioice sends through."""

    def __init__(self, port: Port) -> None:
        super().__init__()
        self._port = port

    def sendto(self, data: bytes | bytearray | memoryview, addr: tuple[str, int] | None = None) -> None:  # type: ignore[override]
        if addr is not None:
            self._port.send(data, Address(*addr))


class _Stun(StunProtocol):
    """STUN of one agent."""

    async def request(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, tuple[str, int]]:
        """As aioice does. What is raised no longer remembers the transaction, which remembers it."""
        try:
            return await super().request(request, addr, integrity_key, retransmissions)
        except stun.TransactionError as error:
            raise error.with_traceback(None)  # noqa: B904 - it is the same one


class Agent(Connection):
    """Our side of one generation.

    Args:
        loop: takes its tasks, and what it tells: whatever that raises is a fault of its owner, and of no datagram.
        port: what it sends through; its owner hands STUN messages to `receive`.
        advertised: the address of the candidate.
        on_path: called when the path is there or has moved.
        on_heard: called when the peer proved that it is there.

    Attributes:
        path: where to send; None before a pair is nominated.
        consent_at: when the peer last agreed to get packets.
        known: the sources that sent an authentic check; DTLS and SRTP of others are not looked at.
        checks: authentic checks that came.
        rejected: checks with the wrong credentials. malformed: what is no STUN message, or a broken one.
    """

    def __init__(
        self, loop: Host, port: Port, advertised: str, on_path: Callable[[Agent], None], on_heard: Callable[[], None]
    ) -> None:
        super().__init__(
            ice_controlling=False,
            local_username=random_string(_UFRAG_CHARACTERS),
            local_password=random_string(_PASSWORD_CHARACTERS),
        )
        self.path: Address | None = None
        self.consent_at = 0.0
        self.known: set[tuple[str, int]] = set()
        self.checks = self.rejected = self.malformed = 0
        self._relays: set[tuple[str, int]] = set()  # of the peer's candidates
        self._on_path = on_path
        self._on_heard = on_heard
        self._loop = loop
        self._consenting: asyncio.Task[None] | None = None
        self._shut = False
        self._protocol = _Stun(self)
        self._protocol.transport = _PortTransport(port)
        self._protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", advertised),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host"),
            host=advertised,
            port=port.number,
            type="host",
        )
        # What gather_candidates() would do, had it not its own sockets: there is nothing to wait for.
        self._protocols.append(self._protocol)
        self._local_candidates.append(self._protocol.local_candidate)
        self._local_candidates_end = True

    @property
    def candidates(self) -> tuple[str, ...]:
        """Values of a=candidate."""
        return tuple(candidate.to_sdp() for candidate in self.local_candidates)

    def meet(self, ufrag: str, password: str, lite: bool) -> None:
        """Take the peer's credentials; `connect` may follow. We control where the peer is lite (RFC 8445 §6.1.1)."""
        self.remote_username, self.remote_password = ufrag, password
        self.remote_is_lite = self.ice_controlling = lite

    @property
    def relayed(self) -> bool:
        """True where the path goes through a relay of the peer's (TURN)."""
        return self.path is not None and (self.path.host, self.path.port) in self._relays

    def add(self, candidates: Iterable[str]) -> None:
        """Take candidates of the peer: UDP, component 1, by address. Names (mDNS) are learned from its checks."""
        for value in candidates:
            candidate = _usable(value)
            if candidate is not None and len(self._remote_candidates) < REMOTE_CANDIDATES_LIMIT:
                if candidate.type == "relay":
                    self._relays.add((candidate.host, candidate.port))
                self._add_remote_candidate(candidate, candidate.host)

    def receive(self, data: bytes, source: Address) -> None:
        """Take a STUN message."""
        try:
            self._protocol.datagram_received(data, source)
        except Exception:  # the border of one datagram: aioice lets several kinds through for broken attributes
            self.malformed += 1
            log.debug("STUN message dropped", source=str(source), exc_info=True)

    def shut(self) -> None:
        """End it at once: nothing is sent, no task goes on. (`close` would wait for sockets that it does not have.)

        Whoever waits for `connect` is to be cancelled. It holds nobody afterwards.
        """
        for pair in self._check_list:
            if pair.task is not None:
                pair.task.cancel()
                pair.task = None
        if self._consenting is not None:
            self._consenting.cancel()
            self._consenting = None
        self._shut = True
        self._protocols.clear()
        self._protocol.receiver = cast(Connection, None)
        self._on_path = self._on_heard = _nothing
        self.path = None

    def _tell_path(self) -> None:
        self._on_path(self)

    def _tell_heard(self) -> None:
        self._on_heard()

    # ---- what aioice calls -----------------------------------------------------------------------------------------

    def check_start_task(self, pair: CandidatePair) -> None:
        """Begin a check of ours, unless it has begun."""
        if pair.task is None:
            pair.task = self._loop.spawn(self.check_start(pair))

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """An authentic check of the peer."""
        if "PRIORITY" not in message.attributes:  # RFC 8445 §7.1.1; aioice would take it for granted
            self.malformed += 1
            return
        self.checks += 1
        self._loop.call_later(0, self._tell_heard)
        if addr not in self.known:
            self._make_room()
            self.known.add(addr)
        for pair in self._check_list:
            if pair.remote_addr == addr and pair.task is not None and pair.task.done():
                pair.task = None  # aioice gave this check up when another pair was nominated; the peer wants it now
                pair.state = CandidatePair.State.FAILED
        super().check_incoming(message, addr, protocol)

    def _make_room(self) -> None:
        """Forget the oldest when there are too many: a peer may come from as many ports as it likes.

        What is counted are candidates: aioice takes pairs off its list that it has not checked when another one is
        nominated, but never their candidates.
        """
        if len(self._remote_candidates) < PAIRS_LIMIT:
            return
        nominated = self._nominated.get(1)
        used = nominated.remote_candidate if nominated is not None else None
        forgotten = next(one for one in self._remote_candidates if one is not used)
        for pair in [pair for pair in self._check_list if pair.remote_candidate is forgotten]:
            if pair.task is not None:
                pair.task.cancel()
            self._check_list.remove(pair)
        self.known.discard((forgotten.host, forgotten.port))
        self._remote_candidates = [one for one in self._remote_candidates if one is not forgotten]

    def check_complete(self, pair: CandidatePair) -> None:
        """A check of ours ended; the pair may be the path from now on."""
        super().check_complete(pair)
        if pair.state is CandidatePair.State.SUCCEEDED:
            self._loop.call_later(0, self._tell_heard)
        nominated = self._nominated.get(1)
        if nominated is not None and nominated.remote_addr != self.path:
            self.path = Address(*nominated.remote_addr)
            self.known.add(nominated.remote_addr)
            self.consent_at = self._loop.now()
            self._loop.call_later(0, self._tell_path)

    def respond_error(
        self, request: stun.Message, addr: tuple[str, int], protocol: StunProtocol, error_code: tuple[int, str]
    ) -> None:
        """Whoever does not know our password gets silence: an answer would serve scanners and reflection alone."""
        if error_code[0] in (400, 401):
            self.rejected += 1
        else:
            super().respond_error(request, addr, protocol, error_code)

    async def query_consent(self) -> None:
        """Begin to ask whether the peer still wants our packets: there is a path."""
        if not self._shut:
            self._consenting = self._loop.spawn(self._ask_consent())

    async def _ask_consent(self) -> None:
        """Ask again and again (RFC 7675 §5.1)."""
        while True:
            await asyncio.sleep(CONSENT_INTERVAL_S * (0.8 + 0.4 * random.random()))
            pair = self._nominated.get(1)
            if pair is None:
                continue
            asked_at = self._loop.now()
            try:
                await self._protocol.request(
                    self.build_request(pair, nominate=False),
                    pair.remote_addr,
                    integrity_key=cast(str, self.remote_password).encode(),
                    retransmissions=_CONSENT_REPEATS,
                )
            except stun.TransactionError:
                continue
            self.consent_at = max(self.consent_at, asked_at)
            self._tell_heard()

    def data_received(self, data: bytes, component: int) -> None:
        """Count what looked like STUN and is none."""
        self.malformed += 1


def _nothing(*what: object) -> None:
    """Nobody listens any more."""


def _usable(value: str) -> Candidate | None:
    """A candidate that we can send to; None for TCP, other components, names and nonsense."""
    try:
        candidate = Candidate.from_sdp(value.removeprefix("candidate:"))
        candidate.host = str(ip_address(candidate.host))  # as sources are spelled
    except (ValueError, IndexError):
        return None
    fits = candidate.component == 1 and candidate.transport.lower() == "udp" and 0 < candidate.port < 65_536
    return candidate if fits else None
