"""The registrar of SIP seats: where each can be reached (RFC 3261 §10.3, RFC 3327, RFC 5626). Pure.

A seat is reached over the flow that its REGISTER came on, whatever its Contact says: seats sit behind NATs, and that
flow is the one way that was just proved to work (RFC 5626 §5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from splitter.calls.logins.accounts import RegistrarSettings
from splitter.calls.peers.messages import Refusal, refuse_unknown_extensions
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sip.grammar import integer, unquote, write_params
from splitter.sip.message import Request
from splitter.sip.uri import NameAddr, parse_uri, user_of

EXTENSIONS = frozenset(("path", "outbound"))
SUPPORTED = "path, outbound"
_DEFAULT_EXPIRES_S = 3600  # RFC 3261 §10.2.1.1: what a value that cannot be read counts as
_CONTACTS_PER_REQUEST = 20


@dataclass(frozen=True, slots=True)
class Binding:
    """A way to a seat.

    Attributes:
        trunk, user: the address of record: on which trunk, under which name.
        key: what tells the bindings of one seat apart; see `_key`.
        contact: the URI that goes into the Request-URI.
        params: of the Contact, as written, to be echoed.
        flow: where requests to it go.
        path: Route values for them (RFC 3327).
        since, expires_at: monotonic seconds; `since` stays through refreshes.
        call_id, cseq: of the last REGISTER.
        instance, reg_id: RFC 5626: which device, and which of its flows; "" and 0 without.
    """

    trunk: str
    user: str
    key: tuple[str, ...]
    contact: str
    params: tuple[tuple[str, str | None], ...]
    flow: Flow
    path: tuple[str, ...]
    since: float
    expires_at: float
    call_id: str
    cseq: int
    instance: str = ""
    reg_id: int = 0
    user_agent: str = ""

    @property
    def id(self) -> tuple[str, ...]:
        """Stays through refreshes."""
        return "seat", self.trunk, self.user, *self.key


@dataclass(frozen=True, slots=True)
class Registered:
    """What a REGISTER has done.

    Attributes:
        headers: for its 200.
        gained, refreshed, lost: bindings that are new, those that go on, and those that are gone.
    """

    headers: tuple[tuple[str, str], ...]
    gained: tuple[Binding, ...] = ()
    refreshed: tuple[Binding, ...] = ()
    lost: tuple[Binding, ...] = ()


_Key = tuple[str, ...]
_Bindings = dict[_Key, Binding]


class Registrar:
    """The bindings of the seats."""

    def __init__(self, settings: RegistrarSettings) -> None:
        self._settings = settings
        self._seats: dict[tuple[str, str], _Bindings] = {}

    def register(self, trunk: str, request: Request, flow: Flow, now: float) -> Registered:
        """Carry out a REGISTER of somebody who may; all of it or nothing (§10.3).

        Raises:
            PeerError: 400 for a broken one, 420, 423 with Min-Expires, 500 for an old CSeq, 503 for too many seats.
        """
        refuse_unknown_extensions(request, EXTENSIONS)
        seat = trunk, user_of(request.to.uri)
        before = self._live(seat, now)
        after = dict(before)
        contacts = _contacts(request)
        if any(contact.uri == "*" for contact in contacts):
            for key, binding in before.items():
                _check_order(binding, request)
                del after[key]
        else:
            for contact in contacts:
                self._bind(after, seat, contact, request, flow, now)
        self._keep(seat, before, after)
        return Registered(
            headers=_headers(request, after.values(), now),
            gained=tuple(after[key] for key in after if key not in before),
            refreshed=tuple(after[key] for key in after if key in before and after[key] is not before[key]),
            lost=tuple(before[key] for key in before if key not in after),
        )

    def adopt(self, settings: RegistrarSettings) -> None:
        """Go by these bounds from the next REGISTER on."""
        self._settings = settings

    def drop(self, unwanted: Callable[[Binding], bool]) -> list[Binding]:
        """Drop bindings whatever time they have left; what was dropped."""
        gone = []
        for seat, bindings in tuple(self._seats.items()):
            kept = {key: binding for key, binding in bindings.items() if not unwanted(binding)}
            gone += [binding for key, binding in bindings.items() if key not in kept]
            self._keep(seat, bindings, kept)
        return gone

    def bindings(self, trunk: str, user: str, now: float) -> list[Binding]:
        """The ways to one seat, the latest refreshed first."""
        live = self._live((trunk, user), now).values()
        return sorted(live, key=lambda binding: -binding.expires_at)

    def all(self, now: float) -> list[Binding]:
        """Every binding that lives."""
        return [binding for seat in tuple(self._seats) for binding in self._live(seat, now).values()]

    def expire(self, now: float) -> list[Binding]:
        """Drop what is over; what was dropped."""
        gone = []
        for seat, bindings in tuple(self._seats.items()):
            live = self._live(seat, now)
            gone += [binding for key, binding in bindings.items() if key not in live]
            self._keep(seat, live, live)
        return gone

    def next_expiry(self) -> float | None:
        """When `expire` has something to do; None while nobody is registered."""
        return min((b.expires_at for bindings in self._seats.values() for b in bindings.values()), default=None)

    def __len__(self) -> int:
        """Seats that are registered, expired ones until `expire` included."""
        return len(self._seats)

    def _live(self, seat: tuple[str, str], now: float) -> _Bindings:
        return {key: binding for key, binding in self._seats.get(seat, {}).items() if binding.expires_at > now}

    def _keep(self, seat: tuple[str, str], before: _Bindings, after: _Bindings) -> None:
        if after and not before and seat not in self._seats and len(self._seats) >= self._settings.seats:
            raise Refusal(503, f"{self._settings.seats} seats are registered", [("Retry-After", "60")])
        if after:
            self._seats[seat] = after
        else:
            self._seats.pop(seat, None)

    def _bind(
        self, bindings: _Bindings, seat: tuple[str, str], contact: NameAddr, request: Request, flow: Flow, now: float
    ) -> None:
        """Add, refresh or remove the binding of one Contact (§10.3 step 7)."""
        instance, reg_id = _device(contact, request)
        key = _key(contact, instance, reg_id)
        known = bindings.pop(key, None)
        if known is not None:
            _check_order(known, request)
        expires_s = self._expires_s(contact, request)
        if not expires_s:
            return
        if known is None and len(bindings) >= self._settings.contacts:
            # A client that crashed comes back with another Contact; its old ones must not lock it out.
            del bindings[min(bindings, key=lambda other: bindings[other].expires_at)]
        bindings[key] = Binding(
            trunk=seat[0],
            user=seat[1],
            key=key,
            contact=contact.uri,
            params=tuple((name, value) for name, value in contact.params.items() if name != "expires"),
            flow=flow,
            path=tuple(request.headers.values("path")),
            since=known.since if known else now,
            expires_at=now + expires_s,
            call_id=request.call_id,
            cseq=request.cseq[0],
            instance=instance,
            reg_id=reg_id,
            user_agent=(request.headers.get("user-agent") or "")[:100],
        )

    def _expires_s(self, contact: NameAddr, request: Request) -> int:
        """What to grant; 0 removes.

        Raises:
            Refusal: 423, when it is too short.
        """
        settings = self._settings
        asked = contact.params.get("expires") or request.headers.get("expires")
        wanted_s = settings.max_expires_s if asked is None else _seconds(asked)
        if 0 < wanted_s < settings.min_expires_s:
            raise Refusal(423, f"{wanted_s} s is too short", [("Min-Expires", str(settings.min_expires_s))])
        return min(wanted_s, settings.max_expires_s)


def _contacts(request: Request) -> list[NameAddr]:
    """The Contacts of a REGISTER, checked; none for a query."""
    contacts = request.contacts
    if len(contacts) > _CONTACTS_PER_REQUEST:
        raise PeerError(f"{len(contacts)} Contacts in one REGISTER")
    for contact in contacts:
        if contact.uri == "*":
            if len(contacts) > 1 or _seconds(request.headers.get("expires") or "") != 0:
                raise PeerError("Contact: * must stand alone, with Expires: 0")
        elif contact.uri.partition(":")[0].lower() not in ("sip", "sips"):
            raise PeerError(f"a seat cannot be reached at {contact.uri[:60]}")
    return contacts


def _seconds(text: str) -> int:
    """Expiry as written; what cannot be read counts as an hour (§20.19)."""
    try:
        return integer(text.strip(), "Expires")
    except PeerError:
        return _DEFAULT_EXPIRES_S


def _check_order(binding: Binding, request: Request) -> None:
    """A REGISTER that was overtaken by a later one must not undo it (§10.3 step 7)."""
    if binding.call_id == request.call_id and request.cseq[0] <= binding.cseq:
        raise PeerError(f"CSeq {request.cseq[0]} is not above {binding.cseq}, which came before", 500)


def _device(contact: NameAddr, request: Request) -> tuple[str, int]:
    """Instance and reg-id (RFC 5626 §6); "" and 0 where it is an ordinary registration.

    A reg-id counts only with an instance, and only where the flow to the seat is ours, or an edge proxy's that says
    `ob` in its Path.
    """
    instance = unquote(contact.params.get("+sip.instance") or "")
    reg_id = contact.params.get("reg-id") or ""
    if not instance or not (reg_id.isascii() and reg_id.isdigit()) or len(reg_id) > 5:
        return instance, 0
    path = request.headers.values("path")
    edge = parse_uri(NameAddr.parse(path[-1]).uri).params if path else {}
    direct = "ob" in edge if path else len(request.vias) == 1
    return instance, int(reg_id) if direct else 0


def _key(contact: NameAddr, instance: str, reg_id: int) -> _Key:
    """What makes two Contacts the same binding: the flow of a device (RFC 5626 §6), or an equal URI (§19.1.4)."""
    if reg_id:
        return "flow", instance, str(reg_id)
    uri = parse_uri(contact.uri)
    return "uri", uri.scheme, uri.user or "", uri.host.lower(), str(uri.port), uri.transport or ""


def _headers(request: Request, bindings: Iterable[Binding], now: float) -> tuple[tuple[str, str], ...]:
    """What the 200 says: every binding with the time that is left to it (§10.3 step 8)."""
    lines = []
    outbound = False
    for binding in bindings:
        left_s = max(1, round(binding.expires_at - now))
        params = dict(binding.params) | {"expires": str(left_s)}
        lines.append(("Contact", f"<{binding.contact}>{write_params(params)}"))
        outbound = outbound or (bool(binding.reg_id) and binding.call_id == request.call_id)
    lines += [("Path", value) for value in request.headers.values("path")]
    lines.append(("Supported", SUPPORTED))
    if outbound:
        lines.append(("Require", "outbound"))  # RFC 5626 §6: so the seat knows that its flow is being reused
    return tuple(lines)
