"""Who calls, and our INVITE: a plain voice call of the same person (RFC 3261 §8.1.1, RFC 3325). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote
from urllib.parse import unquote as unescape

from splitter.calls.settings import Role, Trunk
from splitter.core.errors import PeerError
from splitter.core.frozen import frozen
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.sdp.model import Session
from splitter.sdp.write import write
from splitter.sip.grammar import remembered, split_outside_quotes, unquote
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.sip.uri import NameAddr
from splitter.transport.targets import AUTO, HostName

# What says how the call came here is carried on as it is: RFC 7044, RFC 5806, RFC 7433.
_APPLICATION = ("User-to-User",)
_CARRIED = ("History-Info", "Diversion", *_APPLICATION)
# Who the caller is, by the word of the network: only between trunks that are trusted (RFC 3325 §5, RFC 3323).
WITHIN_TRUST = ("P-Asserted-Identity", "Privacy")
# The user part of a From that hides the caller.
_NOBODY = frozenset({"", "anonymous", "restricted", "unavailable", "unknown"})
# RFC 3261 §25.1, user: what may stand there as it is; all else is escaped, or a number could smuggle in headers.
_MARK = "-_.@+"
_USER = "-_.!~*'()&=+$,;?/"


@frozen
class Identity:
    """The caller as its network names it, and what of that may be told to whom; read once from the INVITE.

    Attributes:
        display, user: as From names the caller.
        number: for our own records; see `caller_number`.
        trusted: it came from inside the trust domain (RFC 3325).
        hides, hides_history: the caller is not to be named outside of that domain, or its former numbers are not.
        carried: header fields that say how the call came here and who the network says it is, in order.
        hops_left: how often the call may still be passed on (Max-Forwards).
    """

    display: str = ""
    user: str = ""
    number: str = ""
    trusted: bool = False
    hides: bool = False
    hides_history: bool = False
    carried: tuple[tuple[str, str], ...] = ()
    hops_left: int = 70


def identity_of(request: Request, trusted: bool) -> Identity:
    """Read an INVITE; `trusted`: of the trunk it came from."""
    caller, privacy = request.from_, _privacy(request)
    names = (*_CARRIED, *WITHIN_TRUST)
    return Identity(
        display=caller.display,
        user=caller.user,
        number=caller_number(request, trusted),
        trusted=trusted,
        hides=wants_privacy(request),
        hides_history="history" in privacy,
        carried=tuple((name, value) for name in names for value in request.headers.get_all(name)),
        hops_left=request.max_forwards,
    )


@frozen
class Destination:
    """One attempt: the trunk, the number it is shown, and where we stand in its network."""

    trunk: Trunk
    number: str
    local: Address


@frozen
class CallerMarks:
    """What a centre may be told of a caller beside who it is.

    Attributes:
        web: it calls from a browser. video: it shows pictures, or can.
        customer: as the operator's own system knows it.
    """

    web: bool = False
    video: bool = False
    language: str = ""
    customer: str = ""

    @property
    def text(self) -> str:
        """E.g. "web;video;language=zh;customer=C-4711"."""
        named = (("language", self.language), ("customer", self.customer))
        words = ["web" if self.web else "phone", *(["video"] if self.video else [])]
        return ";".join([*words, *(f"{name}={quote(value, _MARK)}" for name, value in named if value)])


def voice_invite(
    identity: Identity,
    to: Destination,
    call_id: str,
    ids: IdSource,
    offer: Session | None,
    marks: CallerMarks | None = None,
) -> Request:
    """Make the INVITE of a plain voice call of the same person.

    Args:
        identity: who calls.
        to: where it goes.
        call_id: told to a centre in the headers that the trunk names, so that CTI can find the video.
        offer: audio alone; None where the peer is to make the offer.
        marks: told to a centre likewise; None for a caller of whom nothing is to be told.
    Returns: the INVITE without Via and Contact, which belong to the driver and the leg.
    Raises:
        PeerError: status 483 where Max-Forwards is used up.
    """
    if identity.hops_left <= 0:
        raise PeerError("Max-Forwards is used up", 483)
    assert to.trunk.address is not None
    uri = _uri(to.number, to.trunk.address)
    if to.trunk.transport not in ("udp", AUTO):
        uri += f";transport={to.trunk.transport}"
    within = identity.trusted and to.trunk.trusted
    headers = Headers(
        [
            ("Max-Forwards", str(identity.hops_left - 1)),
            ("From", f"{_from(identity, to, within)};tag={ids.tag()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", ids.sip_call_id(to.local.host)),
            ("CSeq", "1 INVITE"),
        ]
    )
    ours = [*call_id_headers(to.trunk, call_id), *caller_headers(to.trunk, marks)]
    for name, value in _beside(ours, identity, within):
        headers.add(name, value)
    if offer is None:
        return Request("INVITE", uri, headers)
    headers.add("Content-Type", "application/sdp")
    return Request("INVITE", uri, headers, write(offer))


def shown_to_agent(number: str, identity: Identity) -> Identity:
    """The identity that calls an agent whose phone rings first: the number that is to be called then."""
    return Identity(user=number, number=number, hops_left=identity.hops_left)


def call_id_headers(trunk: Trunk, call_id: str) -> list[tuple[str, str]]:
    """How this trunk is told the call id; only a centre is."""
    if trunk.role is not Role.CENTRE:
        return []
    ways = {
        "x-splitter-call": ("X-Splitter-Call", call_id),
        "user-to-user": ("User-to-User", f"{call_id.encode().hex()};encoding=hex"),  # RFC 7433 §4.1
    }
    return [ways[name] for name in trunk.call_id_headers]


def caller_headers(trunk: Trunk, marks: CallerMarks | None) -> list[tuple[str, str]]:
    """How this trunk is told of the caller; only a centre is, where it wants that."""
    if marks is None or trunk.role is not Role.CENTRE:
        return []
    ways = {
        "x-splitter-caller": ("X-Splitter-Caller", marks.text),
        "user-to-user": ("User-to-User", f"{marks.text.encode().hex()};encoding=hex"),
    }
    return [ways[name] for name in trunk.caller_headers]


def _told(identity: Identity, within_trust: bool) -> tuple[str, ...]:
    """The caller's headers that the called side gets too; History-Info and Diversion may name a caller who hides."""
    if within_trust:
        return (*_CARRIED, *WITHIN_TRUST)
    if identity.hides:
        return _APPLICATION
    return tuple(name for name in _CARRIED if name != "History-Info" or not identity.hides_history)


def _beside(ours: list[tuple[str, str]], identity: Identity, within_trust: bool) -> list[tuple[str, str]]:
    """Headers that we tell, and that are carried.

    Where both say something by User-to-User, a caller could pass for another one by its own words: ours come first, and
    those of an untrusted network are not carried.
    """
    first = [one for one in ours if one[0] in _APPLICATION]
    barred = _APPLICATION if first and not identity.trusted else ()
    told = _told(identity, within_trust)
    carried = [one for one in identity.carried if one[0] in told and one[0] not in barred]
    if not within_trust:
        carried = [one for header in carried for one in _discreet(*header)]
    return [*first, *carried, *(one for one in ours if one not in first)]


def _discreet(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A header for those outside the trust domain: without numbers that say of themselves that they are private.

    A Diversion has its own privacy (RFC 5806 §5), and so has each entry of a History-Info (RFC 7044 §10.1.2), whose
    place is kept. What cannot be read is not told.
    """
    if name in _APPLICATION or "privacy" not in value.lower():
        yield name, value
        return
    with suppress(PeerError):
        for text in split_outside_quotes(value, ","):
            entry = NameAddr.parse(text)
            if name == "Diversion" and unquote(entry.params.get("privacy") or "off").lower() != "off":
                continue
            if name == "History-Info" and "privacy=history" in unescape(entry.uri.partition("?")[2]).lower():
                entry = replace(entry, display="", uri="sip:anonymous@anonymous.invalid")
            yield name, str(entry)


def _from(identity: Identity, to: Destination, within_trust: bool) -> str:
    """The caller as From: display and number kept, our address as the host."""
    if not within_trust and identity.hides:
        return '"Anonymous" <sip:anonymous@anonymous.invalid>'  # RFC 3323 §4.1
    return str(NameAddr(identity.display, _uri(identity.user, to.local)))


def _uri(user: str, address: Address | HostName) -> str:
    return f"sip:{_escaped(user)}@{address}" if user else f"sip:{address}"


@remembered
def _escaped(user: str) -> str:
    return quote(user, _USER)


def caller_number(request: Request, trusted: bool) -> str:
    """The caller's number for our own records: of From, or where that hides it, of a trusted network (RFC 3325 §9.1).

    The number is not shown to a centre for this: it gets From as it came, and the network's word within trust alone.
    """
    caller = request.from_
    if not trusted or not _hides(caller):
        return caller.user
    with suppress(PeerError):  # one that cannot be read is no reason to lose the call
        for value in request.headers.values("p-asserted-identity"):
            if user := NameAddr.parse(value).user:
                return user
    return caller.user


def _hides(caller: NameAddr) -> bool:
    """True for an address that names nobody (RFC 3323 §4.1, RFC 3261 §8.1.1.3, TS 24.229 §5.2.6)."""
    host = caller.uri.partition(";")[0].rpartition("@")[2].lower()
    return caller.user.lower() in _NOBODY or host.endswith(".invalid")


def wants_privacy(request: Request) -> bool:
    """True where the caller's identity must not leave the trust domain (RFC 3323 §4.2, RFC 3325 §7)."""
    return bool(_privacy(request) & {"id", "user", "header"})


def is_private(request: Request) -> bool:
    """True where the caller's number is for the trust domain alone: it asks for that, or its From does not say it."""
    with suppress(PeerError):
        return wants_privacy(request) or _hides(request.from_)
    return True  # who cannot be read is named to nobody


def _privacy(request: Request) -> set[str]:
    """What the caller wants hidden; "history" is of RFC 7044 §10.1."""
    lines = request.headers.get_all("privacy")
    return {word.strip().lower() for line in lines for word in line.replace(",", ";").split(";")}
