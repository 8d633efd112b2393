"""One generation of ICE (RFC 8445): aioice's checks on a port of ours, and consent (RFC 7675). Sends through its port.

aioice does the checks. What is ours here: one socket from the worker's range instead of sockets of its own, bounds on
all that a peer can make us keep, silence for whoever does not know the password, and consent that tells instead of
closing: a browser that was cut off for a while comes back on the same credentials.
"""

from __future__ import annotations

import asyncio
import os
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
from splitter.media.wire.binding import TRANSACTION_BYTES, RepeatedCheck, answers, is_sealed, seal
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.host import Datagram, Host, TcpDoor, Timer

REMOTE_CANDIDATES_LIMIT = 20  # that the peer may name; a browser with several networks has about ten
PAIRS_LIMIT = 40  # with those learned from its checks
CONSENT_INTERVAL_S = 5.0  # RFC 7675 §5.1
_CONSENT_WAITS_S = (0.5, 1.0, 2.0)  # for the answer to each repetition: a single lost packet is no lost consent
_TCP_PREFERENCE = 90 << 24 | ((4 << 13) + (1 << 13) - 1) << 8 | 255  # RFC 6544 §4.2: a type behind UDP's, passive
_UFRAG_CHARACTERS, _PASSWORD_CHARACTERS = 8, 24  # RFC 8445 §5.3: 24 and 128 bits of randomness at least

log = structlog.get_logger(__name__)


Send = Callable[[Datagram, Address], bool]


class _PortTransport(asyncio.DatagramTransport):
    """What aioice sends through."""

    def __init__(self, send: Send, kind: type[Address]) -> None:
        super().__init__()
        self._send, self._kind = send, kind

    def sendto(self, data: bytes | bytearray | memoryview, addr: tuple[str, int] | None = None) -> None:  # type: ignore[override]
        if addr is not None:
            self._send(data, self._kind(*addr))

    def close(self) -> None:
        """Send nothing any more, and hold nobody."""
        self._send = _nowhere


class _Stun(StunProtocol):
    """STUN of one agent, by UDP or by its TCP connections.

    Args:
        kind: of the addresses at the other end.
    """

    def __init__(self, receiver: Connection, send: Send, kind: type[Address], candidate: Candidate) -> None:
        super().__init__(receiver)
        self.kind = kind
        self.transport = _PortTransport(send, kind)
        self.local_candidate = candidate

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
        send: what it sends through; its owner hands STUN messages to `receive`.
        port: of its UDP candidate. advertised: the address of its candidates.
        on_path: called when the path is there or has moved.
        on_heard: called when the peer proved that it is there.
        door: for TCP; None where there is none.

    Attributes:
        path: where to send; None before a pair is nominated.
        consent_at: when the peer last agreed to get packets.
        known: the sources that sent an authentic check; DTLS and SRTP of others are not looked at.
        checks: authentic checks that came.
        rejected: checks with the wrong credentials. malformed: what is no STUN message, or a broken one.
    """

    def __init__(
        self,
        loop: Host,
        send: Send,
        port: int,
        advertised: str,
        on_path: Callable[[Agent], None],
        on_heard: Callable[[], None],
        door: TcpDoor | None = None,
    ) -> None:
        super().__init__(
            ice_controlling=False,
            local_username=door.ufrag if door is not None else random_string(_UFRAG_CHARACTERS),
            local_password=random_string(_PASSWORD_CHARACTERS),
        )
        self.path: Address | None = None
        self.consent_at = 0.0
        self.known: set[Address] = set()
        self.checks = self.rejected = self.malformed = 0
        self._relays: set[tuple[str, int]] = set()  # of the peer's candidates
        self._on_path = on_path
        self._on_heard = on_heard
        self._loop, self._send = loop, send
        self._consenting: Timer | None = None
        self._transaction = self._question = b""  # of consent
        self._asked, self._asked_at = 0, 0.0  # how often, and when first
        self._repeated: RepeatedCheck | None = None  # by the peer, on the path
        self._shut = False
        self._protocol = _Stun(self, send, Address, _udp_candidate(advertised, port))
        # What gather_candidates() would do, had it not its own sockets: there is nothing to wait for.
        self._protocols.append(self._protocol)
        self._local_candidates.append(self._protocol.local_candidate)
        self._by_tcp: _Stun | None = None  # pairs of it are learned from checks alone: it is passive (RFC 6544 §4.1)
        if door is not None:
            self._by_tcp = _Stun(self, send, StreamAddress, _tcp_candidate(advertised, door.port))
            self._local_candidates.append(self._by_tcp.local_candidate)
        self._local_candidates_end = True

    @property
    def candidates(self) -> tuple[str, ...]:
        """Values of a=candidate."""
        return tuple(candidate.to_sdp() for candidate in self.local_candidates)

    def meet(self, ufrag: str, password: str, lite: bool) -> None:
        """Take the peer's credentials; `connect` may follow. We control where the peer is lite (RFC 8445 §6.1.1)."""
        self.remote_username, self.remote_password = ufrag, password
        self.remote_is_lite = self.ice_controlling = lite

    def knows(self, ufrag: str, password: str) -> bool:
        """True for the credentials of the peer that it was told."""
        return (self.remote_username, self.remote_password) == (ufrag, password)

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
        if self._asked and answers(data, self._transaction):
            if is_sealed(data, self._remote_key) or _is_signed(data, self._remote_key):
                self._on_consent()
        elif self._repeated is not None and source == self.path and (answer := self._repeated.answer(data)) is not None:
            self.checks += 1
            self._send(answer, source)
            self._on_heard()
        else:
            self._receive_other(data, source)

    def _receive_other(self, data: bytes, source: Address) -> None:
        """Take a message by aioice, and know it again if the peer may repeat it."""
        checks, protocol = self.checks, self._by_tcp if isinstance(source, StreamAddress) else self._protocol
        try:
            if protocol is not None:
                protocol.datagram_received(data, source)
        except Exception:  # the border of one datagram: aioice lets several kinds through for broken attributes
            self.malformed += 1
            log.debug("STUN message dropped", source=str(source), exc_info=True)
        if self.checks > checks and source == self.path:
            pair = self._nominated.get(1)
            idle = pair is not None and pair.state is CandidatePair.State.SUCCEEDED and pair.task is None
            self._repeated = RepeatedCheck(data, source, self.local_password.encode()) if idle else None

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
        for protocol in (self._protocol, self._by_tcp):
            if protocol is not None:
                protocol.receiver = cast(Connection, None)
                protocol.transport.close()
        self._on_path = self._on_heard = _nothing
        self._send = _nowhere
        self.path = self._repeated = None
        self._asked = 0

    def lose(self, source: StreamAddress) -> None:
        """Know that this connection is gone, and the path with it if it was that."""
        self.known.discard(source)
        for pair in [pair for pair in self._check_list if _source(pair) == source]:
            if pair.task is not None:
                pair.task.cancel()
                pair.task = None
            self._check_list.remove(pair)
            self._remote_candidates = [one for one in self._remote_candidates if one is not pair.remote_candidate]
        if self.path == source:
            self._nominated.clear()
            self.path = None
            self._loop.call_later(0, self._tell_path)

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
        source = cast(_Stun, protocol).kind(*addr)
        if source not in self.known:
            self._make_room()
            self.known.add(source)
        for pair in self._check_list:
            if _source(pair) == source and pair.task is not None and pair.task.done():
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
        self.known -= {Address(forgotten.host, forgotten.port), StreamAddress(forgotten.host, forgotten.port)}
        self._remote_candidates = [one for one in self._remote_candidates if one is not forgotten]

    def check_complete(self, pair: CandidatePair) -> None:
        """A check of ours ended; the pair may be the path from now on."""
        super().check_complete(pair)
        if pair.state is CandidatePair.State.SUCCEEDED:
            self._loop.call_later(0, self._tell_heard)
        nominated = self._nominated.get(1)
        if nominated is not None and (source := _source(nominated)) != self.path:
            self.path, self._repeated = source, None  # an answer says where its check came from
            self.known.add(source)
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

    def switch_role(self, ice_controlling: bool) -> None:
        """Control, or be controlled, from now on: what the peer repeats is judged anew."""
        self._repeated = None
        super().switch_role(ice_controlling)

    async def query_consent(self) -> None:
        """Begin to ask whether the peer still wants our packets: there is a path."""
        if not self._shut:
            self._ask_later()

    @property
    def _remote_key(self) -> bytes:
        return cast(str, self.remote_password).encode()

    def _ask_later(self) -> None:
        """Ask again and again (RFC 7675 §5.1)."""
        self._asked = 0
        self._consenting = self._loop.call_later(CONSENT_INTERVAL_S * (0.8 + 0.4 * random.random()), self._ask_consent)

    def _ask_consent(self) -> None:
        """Ask, or repeat the question until it has been asked often enough."""
        pair = self._nominated.get(1)
        if pair is None or self.path is None or self._asked == len(_CONSENT_WAITS_S):
            self._ask_later()
            return
        if not self._asked:
            self._asked_at, self._transaction = self._loop.now(), os.urandom(TRANSACTION_BYTES)
            self._question = self._make_question(pair)
        self._consenting = self._loop.call_later(_CONSENT_WAITS_S[self._asked], self._ask_consent)
        self._asked += 1
        self._send(self._question, self.path)

    def _make_question(self, pair: CandidatePair) -> bytes:
        request = self.build_request(pair, nominate=False)
        request.transaction_id = self._transaction
        return seal(bytes(request), self._remote_key)

    def _on_consent(self) -> None:
        if self._consenting is not None:
            self._consenting.cancel()
        self._ask_later()
        self.consent_at = max(self.consent_at, self._asked_at)
        self._on_heard()

    def data_received(self, data: bytes, component: int) -> None:
        """Count what looked like STUN and is none."""
        self.malformed += 1


def _nothing(*what: object) -> None:
    """Nobody listens any more."""


def _nowhere(data: Datagram, to: Address) -> bool:
    """Lose a packet: there is no port any more."""
    return False


def _is_signed(data: bytes, key: bytes) -> bool:
    """Whether a message is authentic, though it may end otherwise than ours do (RFC 8489 §9.1.4)."""
    try:
        return stun.parse_message(data).check_message_integrity(key)
    except Exception:  # aioice lets several kinds through for broken attributes
        return False


def _source(pair: CandidatePair) -> Address:
    """Where the packets of a pair come from."""
    return cast(_Stun, pair.protocol).kind(*pair.remote_addr)


def _udp_candidate(host: str, port: int) -> Candidate:
    """A host candidate of ours."""
    foundation, priority = candidate_foundation("host", "udp", host), candidate_priority(1, "host")
    return Candidate(foundation, 1, "udp", priority, host, port, "host")


def _tcp_candidate(host: str, port: int) -> Candidate:
    """A passive host candidate, which comes after that of UDP."""
    foundation = candidate_foundation("host", "tcp", host)
    return Candidate(foundation, 1, "tcp", _TCP_PREFERENCE, host, port, "host", tcptype="passive")


def _usable(value: str) -> Candidate | None:
    """A candidate that we can send to; None for TCP, other components, names and nonsense."""
    try:
        candidate = Candidate.from_sdp(value.removeprefix("candidate:"))
        candidate.host = str(ip_address(candidate.host))  # as sources are spelled
    except (ValueError, IndexError):
        return None
    fits = candidate.component == 1 and candidate.transport.lower() == "udp" and 0 < candidate.port < 65_536
    return candidate if fits else None
