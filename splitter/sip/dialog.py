"""Dialogs: what two user agents remember of each other (RFC 3261 §12). Pure.

The route set is frozen when the dialog is made; afterwards only the peer's Contact moves (target refresh).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from splitter.core.errors import LocalError, PeerError
from splitter.sip.headers import Headers
from splitter.sip.message import MAX_FORWARDS, Request, Response
from splitter.sip.uri import NameAddr, parse_uri

_REFRESHING = frozenset(("INVITE", "UPDATE"))  # §12.2, RFC 3311 §5.1
_WITHOUT_CSEQ_CHECK = frozenset(("ACK", "CANCEL"))  # they carry the number of an earlier INVITE (§17.1.1.3, §9.1)


class DialogId(NamedTuple):
    """What tells dialogs apart (§12). `local` is our side: a UAS finds its tag in To, a UAC in From."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(slots=True)
class Dialog:
    """One side's view of a dialog (§12): state that builds requests and judges those that arrive.

    Attributes:
        call_id: of every message in the dialog.
        local_tag: the tag that we chose.
        remote_tag: the peer's tag; empty for a peer that sends none (RFC 2543).
        local: our From in requests: a name-addr with our tag.
        remote: our To in requests: a name-addr with the peer's tag, if it has one.
        local_cseq: the number of our latest request; 0 before the first one.
        remote_cseq: the number of the peer's latest request; None before the first one.
        route_set: Route values in the order of the way out; frozen.
        remote_target: the URI of the peer's latest Contact, without what a Request-URI may not have (§19.1.1).
        secure: made by a request to a sips: URI.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    local_cseq: int
    remote_cseq: int | None
    route_set: tuple[str, ...]
    remote_target: str
    secure: bool = False

    @classmethod
    def as_uas(cls, request: Request, local_tag: str) -> Dialog:
        """The dialog that our answer to `request` makes (§12.1.1).

        Raises:
            PeerError: the request has no usable Contact, or an unreadable From, To or Record-Route.
        """
        contact = request.contact
        if contact is None or contact.uri == "*":
            raise PeerError(f"{request.method} without a Contact cannot make a dialog")
        to = request.to
        if to.tag is None:
            to = NameAddr(to.display, to.uri, {**to.params, "tag": local_tag})
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_tag or "",
            local=str(to),
            remote=str(request.from_),
            local_cseq=0,
            remote_cseq=request.cseq[0],
            route_set=_route_set(request.headers),
            remote_target=_as_request_uri(contact.uri),
            secure=_is_secure(request.uri),
        )

    @classmethod
    def as_uac(cls, request: Request, response: Response) -> Dialog:
        """The dialog that `response` to our `request` makes (§12.1.2).

        A response without a Contact breaks §12.1.1; the Request-URI then serves as the target, for the sake of
        peers that leave it out of 18x.

        Raises:
            PeerError: an unreadable From, To, Contact or Record-Route.
        """
        contact = response.contact
        return cls(
            call_id=request.call_id,
            local_tag=request.from_tag or "",
            remote_tag=response.to_tag or "",
            local=str(request.from_),
            remote=str(response.to),
            local_cseq=request.cseq[0],
            remote_cseq=None,
            route_set=_route_set(response.headers)[::-1],
            remote_target=request.uri if contact is None or contact.uri == "*" else _as_request_uri(contact.uri),
            secure=_is_secure(request.uri),
        )

    @property
    def id(self) -> DialogId:
        return DialogId(self.call_id, self.local_tag, self.remote_tag)

    @property
    def next_hop(self) -> str:
        """The URI that requests are sent to: the first route, or the peer itself (§12.2.1.1, §8.1.2)."""
        return NameAddr.parse(self.route_set[0]).uri if self.route_set else self.remote_target

    def request(
        self,
        method: str,
        *,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """A request inside the dialog (§12.2.1.1), with the next CSeq number; Via and Contact are the caller's.

        Args:
            method: anything but ACK (see `ack`) and CANCEL (which belongs to a transaction).
            headers: put after those of the dialog.
            content_type: of `body`.
        """
        if method in _WITHOUT_CSEQ_CHECK:
            raise LocalError(f"{method} is not made by Dialog.request")
        self.local_cseq += 1
        return self._build(method, self.local_cseq, headers, body, content_type)

    def ack(
        self,
        invite_cseq: int,
        *,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """The ACK for a 2xx (§13.2.2.4): the INVITE's CSeq number, the dialog's route set."""
        return self._build("ACK", invite_cseq, headers, body, content_type)

    def receive(self, request: Request) -> None:
        """Judge a request of the peer (§12.2.2), and follow its Contact where it refreshes the target.

        ACK and CANCEL carry the number of an INVITE that may lie before later requests: they are let through.

        Raises:
            PeerError: status 500 for a CSeq number below the latest one; 400 for unreadable headers.
        """
        number, method = request.cseq
        if method in _WITHOUT_CSEQ_CHECK:
            return
        if self.remote_cseq is not None and number < self.remote_cseq:
            raise PeerError(f"CSeq {number} is lower than {self.remote_cseq}, which came before", 500)
        contact = request.contact if method in _REFRESHING else None
        self.remote_cseq = number
        self._follow(contact)

    def rename(self, request: Request) -> None:
        """Note that the peer names itself anew in From (RFC 4916 §4.4.1); for peers that declared `from-change`.

        Raises:
            PeerError: its From cannot be read.
        """
        if request.method in _REFRESHING:
            self.remote = str(request.from_)

    def refresh(self, response: Response) -> None:
        """Follow the Contact of a 2xx to our INVITE or UPDATE (§12.2.1.2)."""
        if 200 <= response.status < 300 and response.cseq[1] in _REFRESHING:
            self._follow(response.contact)

    def confirm(self, response: Response) -> None:
        """An early dialog of ours meets its 2xx (§13.2.2.4): the route set is computed once more, then it stays."""
        self.route_set = _route_set(response.headers)[::-1]
        self.refresh(response)

    def _follow(self, contact: NameAddr | None) -> None:
        if contact is not None and contact.uri != "*":
            self.remote_target = _as_request_uri(contact.uri)

    def _build(
        self,
        method: str,
        number: int,
        extra: Headers | Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> Request:
        uri, routes = self._way()
        headers = Headers([("Route", route) for route in routes])
        headers.extend(
            (
                ("Max-Forwards", str(MAX_FORWARDS)),
                ("From", self.local),
                ("To", self.remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{number} {method}"),
            )
        )
        headers.extend(extra.items() if isinstance(extra, Headers) else extra)
        if content_type is not None:
            headers.set("Content-Type", content_type)
        return Request(method, uri, headers, body)

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route values (§12.2.1.1).

        A strict router (no `lr`) finds itself in the Request-URI, and the target at the end of the routes.
        """
        if not self.route_set or _is_loose(self.route_set[0]):
            return self.remote_target, self.route_set
        first = NameAddr.parse(self.route_set[0]).uri
        return _as_request_uri(first), (*self.route_set[1:], f"<{self.remote_target}>")


def _route_set(headers: Headers) -> tuple[str, ...]:
    """The Record-Route values as they were written, each one checked.

    §20.30 wants angle brackets. Where a proxy left them out, what follows belongs to the URI all the same: `sip:p1;lr`
    is a loose router, and would be taken for a strict one if `lr` were the header's.
    """
    values = [value if "<" in value else f"<{value}>" for value in headers.values("record-route")]
    for value in values:
        NameAddr.parse(value)
    return tuple(values)


def _is_loose(route: str) -> bool:
    """A route that is no sip: URI is somebody else's business; it is treated as loose.

    Some proxies write `lr` behind the brackets.
    """
    try:
        parsed = NameAddr.parse(route)
        return parsed.sip.loose or "lr" in parsed.params
    except PeerError:
        return True


def _as_request_uri(uri: str) -> str:
    """The URI without what a Request-URI may not have: headers and the method parameter (§19.1.1)."""
    try:
        parsed = parse_uri(uri)
    except PeerError:
        return uri
    if not parsed.headers and "method" not in parsed.params:
        return uri
    params = {name: value for name, value in parsed.params.items() if name != "method"}
    return str(type(parsed)(parsed.scheme, parsed.user, parsed.host, parsed.port, params))


def _is_secure(uri: str) -> bool:
    return uri[:5].lower() == "sips:"
