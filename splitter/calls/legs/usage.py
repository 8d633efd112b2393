"""What every message in a leg's dialog needs: where it goes, what it says of us, what the peer can (RFC 5057: a usage).

No I/O of its own. What a leg does with its dialog stands in `leg`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeVar

from splitter.calls.alarms import Alarm
from splitter.calls.digits import DIGIT_TYPES
from splitter.calls.events import LegEvent
from splitter.calls.legs.challenged import with_credentials
from splitter.calls.legs.infos import LegInfos
from splitter.calls.legs.timer import LegTimer
from splitter.calls.messages import (
    ALLOW,
    EXTENSIONS,
    FAST_UPDATE,
    FROM_CHANGE,
    KEY_FRAME_BODY,
    REPLACES,
    SUPPORTED,
    Pairs,
    warning,
)
from splitter.calls.routing import Neighbour
from splitter.calls.settings import MediaSources, Role, Trunk
from splitter.calls.signalling import LegSignalling
from splitter.calls.states import LegState
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog
from splitter.sip.message import Message, Request, Response
from splitter.sip.session_timer import TimerSettings
from splitter.sip.uri import parse_uri

# TS 24.229 §5.1.2A: a terminal that does not see these in our Contact may never be offered video by its network.
VIDEO_FEATURES = ';audio;video;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'

INFO_BODIES = ", ".join((FAST_UPDATE, *DIGIT_TYPES))

M = TypeVar("M", Request, Response)


@dataclass(frozen=True, slots=True)
class LegContext:
    """What every leg of a call shares.

    Attributes:
        after, stop_timer: set and stop an alarm of the call; it comes back as TimeUp.
    """

    driver: LegSignalling
    ids: IdSource
    post: Callable[[LegEvent], None]
    server: str
    timers: TimerSettings
    after: Callable[[float, Alarm], None]
    stop_timer: Callable[[Alarm], None]


class Usage:
    """The dialog of a leg, and our part in it.

    Attributes:
        name: "caller", "centre" or "seat-1" …
        key: unique in the call, where several routes are tried and each leg is the "centre".
        state: "early", "confirmed" or "ended".
        neighbour: who alone may send requests in its dialogs.
        allows: methods of the peer's Allow; empty while unknown.
        infos: INFOs that concern the other side too.
        timer: the leg's session timer.
        session_id: gives the value of Session-ID in what we send (RFC 7989).
        on_message: told of each message of the peer that may bring its half of it.
    """

    def __init__(self, context: LegContext, name: str, trunk: Trunk, flow: Flow, sip_call_id: str) -> None:
        self.name = self.key = name
        self.trunk = trunk
        self.flow = flow
        self.neighbour = Neighbour(trunk, flow.remote.host)
        self.sip_call_id = sip_call_id
        self.state = LegState.EARLY
        self.allows: frozenset[str] = frozenset()
        self.session_id: Callable[[], str] = str
        self.on_message: Callable[[Message], None] = ignore
        self.timer = LegTimer(name, context.timers, context.after, context.stop_timer)
        self._context = context
        self._driver = with_credentials(context.driver, trunk, context.ids)
        self._left: Address | None = None  # where a former connection of the peer came from
        self.infos = LegInfos()
        self._dialog: Dialog | None = None

    # ---- the peer ----

    def note_abilities(self, message: Message) -> None:
        """Remember the peer's Allow; one that cannot be read says nothing."""
        with suppress(PeerError):
            if methods := message.headers.values("allow"):
                self.allows = frozenset(method.upper() for method in methods)

    def _dialog_of(self, request: Request) -> Dialog:
        """The dialog that a request of the peer belongs to; an unanswered leg has several."""
        assert self._dialog is not None
        return self._dialog

    def _way(self, dialog: Dialog | None = None) -> Flow:
        """Where requests in the dialog go: the route set or the peer's Contact, if that is an address we can reach.

        A URI without a transport means the one that the peer came by: RFC 3263 §4.1 would say UDP, but who calls over
        TLS does not want its re-INVITE in clear.

        Otherwise (a name, a tel: or sips: URI, another address family) to where the peer's own messages come from: a
        Contact of little use must not keep us from ending the call. The same goes for who is behind a NAT and names its
        address there (RFC 3581 §1 says so of responses).
        """
        dialog = dialog or self._dialog
        assert dialog is not None
        if not dialog.route_set and self._is_hidden(dialog.remote_target):
            return self.flow
        try:
            way = self._driver.locate(self.flow.network, dialog.next_hop, self.flow.transport) or self.flow
        except PeerError:
            return self.flow
        return self.flow if way.reliable and way.remote == self._left else way

    def _follow(self, flow: Flow) -> None:
        """The peer's latest request came this way: a NAT has moved it, or it has connected anew.

        A Contact that names the port of a connection which it has left leads nowhere any more.
        """
        if flow.reliable and flow.remote != self.flow.remote:
            self._left = self.flow.remote
        self.flow = flow

    def _is_hidden(self, target: str) -> bool:
        """True for a private address where the peer comes from another one, outside, or is said to be behind a NAT."""
        with suppress(PeerError, ValueError):
            here, there = ip_address(self.flow.remote.host), ip_address(parse_uri(target).host)
            nat = self.trunk.media_sources is MediaSources.ANY or not here.is_private
            return nat and there.is_private and there != here
        return False

    # ---- requests and responses ----

    def _reply(self, event: sip.RequestArrived, status: int, headers: Pairs = ()) -> None:
        self._driver.respond(event.txn, self._named(event.request.respond(status, headers=headers)))

    def _prack(self, dialog: Dialog, response: Response) -> None:
        """Confirm a reliable provisional response (RFC 3262 §4)."""
        request = dialog.request("PRACK", headers=[("RAck", reliable.rack(response))])
        self._driver.request(self._named(request), self._way(dialog), ignore)

    def ask_key_frame(self) -> bool:
        """Ask for a key frame by INFO (RFC 5168); False where the peer does not allow INFO."""
        return (not self.allows or "INFO" in self.allows) and self._send_info(FAST_UPDATE, KEY_FRAME_BODY, ignore)

    @property
    def takes_info(self) -> bool:
        """The peer allows INFO, and there is a dialog to send it in."""
        return "INFO" in self.allows and self._info_dialog() is not None

    def _info_dialog(self) -> Dialog | None:
        return self._dialog if self.state is LegState.CONFIRMED else None

    def _send_info(self, content_type: str, body: bytes, listener: Callable[[sip.SipEvent], None]) -> bool:
        dialog = self._info_dialog()
        if dialog is None:
            return False
        request = dialog.request("INFO", body=body, content_type=content_type)
        self._driver.request(self._named(request), self._way(dialog), listener)
        return True

    def reply_info(self, txn: str, status: int, reason: str = "") -> None:
        """Answer an INFO of the peer."""
        lines = [("Accept", INFO_BODIES)] if status == 415 else []
        response = self.infos.reply(txn, status, [*lines, *self._warning(status, reason)])
        if response is not None:
            self._driver.respond(txn, self._named(response))

    def send_info(self, content_type: str, body: bytes, done: Callable[[int], None]) -> None:
        """Pass an INFO on; see `LegInfos.inform`."""
        self.infos.inform(self._send_info, content_type, body, done)

    # ---- what we say of ourselves ----

    def _headers(self) -> list[tuple[str, str]]:
        """What we say about ourselves in requests and answers that make or refresh a dialog."""
        return [*self._contact(), ("Allow", ALLOW), ("Supported", self._supported()), *self._session_headers()]

    def _contact(self) -> list[tuple[str, str]]:
        address = self._driver.contact(self.flow.network, self.flow.transport, self.flow.remote.host)
        # RFC 7118 §5.2: the parameter says ws for both kinds of WebSocket
        name = self.flow.transport.replace("wss", "ws")
        transport = "" if name == "udp" else f";transport={name}"
        scheme = "sips" if self._dialog is not None and self._dialog.secure else "sip"  # RFC 3261 §12.1.1
        features = VIDEO_FEATURES if self.trunk.role is Role.ACCESS else ""
        return [("Contact", f"<{scheme}:{self._context.server}@{address}{transport}>{features}")]

    def _supported(self) -> str:
        """Our Supported header towards this peer."""
        return ", ".join((SUPPORTED, *self._centre_extensions()))

    def _extensions(self) -> frozenset[str]:
        """What a Require of this peer may name."""
        return EXTENSIONS | {*self._centre_extensions()}

    def _centre_extensions(self) -> tuple[str, ...]:
        if self.trunk.role is not Role.CENTRE:
            return ()
        return (REPLACES, FROM_CHANGE) if "from" in self.trunk.bind_from else (REPLACES,)

    def _named(self, message: M) -> M:
        """The message with the name of the session, which every one carries (RFC 7989 §7)."""
        for name, value in self._session_headers():
            message.headers.set(name, value)
        return message

    def _session_headers(self) -> list[tuple[str, str]]:
        return [("Session-ID", value)] if (value := self.session_id()) else []

    def _warning(self, status: int, reason: str) -> list[tuple[str, str]]:
        return [] if status in (487, 491) else warning(self._context.server, reason)


def ignore(event: object) -> None:
    """For requests whose outcome changes nothing."""
