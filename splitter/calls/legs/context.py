"""The ground of every message in a leg's dialog: where it goes, what it says of us, what the peer can.

No I/O of its own. What a leg does with its dialog stands in `leg`, `offers`, `server` and `client`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeVar
from weakref import WeakMethod

from splitter.calls.alarms import Alarm
from splitter.calls.browsers.switch import Browsers
from splitter.calls.events import AgentNamed
from splitter.calls.leg_events import LegEvent
from splitter.calls.legs.challenged import with_credentials
from splitter.calls.legs.infos import LegInfos
from splitter.calls.legs.security import LegSecurity
from splitter.calls.legs.timer import LegTimer
from splitter.calls.legs.webrtc import BrowserDescriptions
from splitter.calls.peers.binding import ConnectedLine, LineMemory
from splitter.calls.peers.digits import DIGIT_TYPES
from splitter.calls.peers.messages import (
    ALLOW,
    EXTENSIONS,
    FAST_UPDATE,
    FROM_CHANGE,
    REPLACES,
    SDP,
    SUPPORTED,
    Pairs,
    warning,
)
from splitter.calls.peers.session_id import SessionId
from splitter.calls.routing import Neighbour
from splitter.calls.settings import MediaSources, Role, Transfers, Trunk
from splitter.calls.signalling import LegSignalling
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.terms import Terms
from splitter.core.errors import LocalError, PeerError
from splitter.core.frozen import frozen
from splitter.core.ids import IdSource
from splitter.core.net import Flow, numeric
from splitter.sip import events as sip
from splitter.sip import reliable
from splitter.sip.dialog import Dialog
from splitter.sip.grammar import remembered, split_outside_quotes
from splitter.sip.message import Message, Request, Response
from splitter.sip.refer import NOREFERSUB
from splitter.sip.uri import parse_uri
from splitter.transport.dispatch import EventSink

# TS 24.229 §5.1.2A: a terminal that does not see these in our Contact may never be offered video by its network.
VIDEO_FEATURES = ';audio;video;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'

_FEATURES = {Role.ACCESS: VIDEO_FEATURES, Role.RECORDER: ";+sip.src"}  # RFC 7866 §6.1.1

PRECONDITION = "precondition"
INFO_BODIES = ", ".join((FAST_UPDATE, *DIGIT_TYPES))

M = TypeVar("M", Request, Response)


def bare(description: bytes) -> tuple[bytes, str]:
    """A description as a body, and its type."""
    return description, SDP


@frozen
class LegContext:
    """The parts that all legs of a call share.

    Attributes:
        session: the two halves of the call's Session-ID (RFC 7989).
        after, stop_timer: set and stop an alarm of the call; it comes back as TimeUp.
        knows: True for the extension of an account, or of a desk that is online.
        browsers: of web callers.
        note: write something about a leg into the trace: its name, the kind, the words.
        dressed: an offer of ours as a body, and its type: with what stands beside it, where something does.
    """

    driver: LegSignalling
    ids: IdSource
    post: Callable[[LegEvent | AgentNamed], None]
    server: str
    session: SessionId
    after: Callable[[float, Alarm], None]
    stop_timer: Callable[[Alarm], None]
    knows: Callable[[str], bool]
    browsers: Browsers
    note: Callable[[str, str, str], None]
    dressed: Callable[[bytes], tuple[bytes, str]] = bare

    @property
    def tells_metadata(self) -> bool:
        """Whether something stands beside offers, which the peer may ask for."""
        return self.dressed is not bare


class DialogContext:
    """The dialog of one leg: its record, its peer, and the ways between them.

    Args:
        hear: what the driver is to tell of the dialog; weak, because the leg that hears holds this object, and is to
            go by reference count.

    Attributes:
        shared: what it has in common with the other legs of its call.
        record: all that is known of the leg, as plain data.
        neighbour: who alone may send requests in its dialogs.
        driver: sends; answers the peer's challenges.
        infos: INFOs that concern the other side too.
        timer: the leg's session timer.
        security: reads and writes its descriptions.
    """

    def __init__(self, shared: LegContext, trunk: Trunk, record: LegRecord, hear: WeakMethod[EventSink]) -> None:
        self.shared = shared
        self.record = record
        self.trunk = trunk
        self.neighbour = Neighbour(trunk, record.host)
        self.driver = with_credentials(shared.driver, trunk, shared.ids, record)
        self.timer = LegTimer(record.timer, record.name, shared.after, shared.stop_timer)
        self.infos = LegInfos()
        self.security: LegSecurity | BrowserDescriptions = LegSecurity(trunk, record, shared.ids)
        if record.browser is not None:
            self.security = BrowserDescriptions(shared.browsers, shared.note, record, record.browser)
        self._hear = hear
        self._line: ConnectedLine | None = None
        if record.line is not None:
            self._line = ConnectedLine(trunk, shared.knows, record.line)

    # ---- what is known of it ----

    @property
    def key(self) -> str:
        """The name of the leg in events."""
        return self.record.key

    @property
    def state(self) -> LegState:
        """How far its dialog is."""
        return self.record.state

    @property
    def flow(self) -> Flow:
        """Where the peer's latest request came from."""
        return self.record.flow

    @property
    def terms(self) -> Terms:
        """The descriptions that were agreed on."""
        return self.record.terms

    @property
    def dialog(self) -> Dialog:
        """The dialog. Raises LocalError before there is one."""
        if self.record.dialog is None:
            raise LocalError(f"{self.record.name} was used before it has a dialog")
        return self.record.dialog

    def post(self, event: LegEvent) -> None:
        """Put an event into the inbox of the call."""
        self.shared.post(event)

    # ---- its beginning and end ----

    @property
    def listener(self) -> EventSink:
        """The leg's listener, for the driver."""
        if (hear := self._hear()) is None:
            raise LocalError("a leg was used after it had gone")
        return hear

    def register(self, dialog: Dialog) -> None:
        """Hear of the requests in a dialog of this leg."""
        self.driver.register(dialog.id, self.listener, self.neighbour)

    def adopt(self, txn: str) -> None:
        """Hear of what becomes of a request of the peer."""
        self.driver.adopt(txn, self.listener, self.neighbour)

    def share(self, session: SessionId) -> None:
        """Name the session so from now on: the leg has a place in it."""
        self.shared = replace(self.shared, session=session)

    def confirm(self, dialog: Dialog, message: Message) -> None:
        """The dialog is made by a 2xx; `message` is the peer's that tells its abilities."""
        self.record.state = LegState.CONFIRMED
        self.record.dialog = dialog
        self.note_abilities(message)
        self.register(dialog)

    # ---- the peer ----

    def note_abilities(self, message: Message) -> None:
        """Remember the peer's Allow; one that cannot be read says nothing."""
        if lines := message.headers.get_all("allow"):
            try:
                self.record.allows = _methods(", ".join(lines)) or self.record.allows
            except PeerError:
                return

    def ask_line(self, others: Collection[str]) -> None:
        """Read from the messages of this leg, from now on, which agent the centre has given the call to.

        Args:
            others: numbers that are no agent's; see LineMemory.
        """
        self.record.line = LineMemory(frozenset(others))
        self._line = ConnectedLine(self.trunk, self.shared.knows, self.record.line)

    def learn(self, message: Message) -> None:
        """Take from a message of the peer what it says of the session and of its agent."""
        if self.trunk.role is Role.ACCESS:
            self.shared.session.learn_caller(message)
        elif self._line is not None:
            self.shared.session.learn_centre(message)
            if (said := self._line.learn_from(message)) is not None:
                self.shared.post(AgentNamed(self.record.sip_call_id, said))

    def way(self, dialog: Dialog | None = None) -> Flow:
        """Where requests in the dialog go: the route set or the peer's Contact, if that is an address we can reach.

        A URI without a transport means the one that the peer came by: RFC 3263 §4.1 would say UDP, but who calls over
        TLS does not want its re-INVITE in clear.

        Otherwise (a name, a tel: or sips: URI, another address family) to where the peer's own messages come from: a
        Contact of little use must not keep us from ending the call. The same goes for who is behind a NAT and names its
        address there (RFC 3581 §1 says so of responses).
        """
        dialog, flow = dialog or self.dialog, self.record.flow
        if not dialog.route_set and self._is_hidden(dialog.remote_target):
            return flow
        try:
            way = self.driver.locate(flow.network, dialog.next_hop, flow.transport) or flow
        except PeerError:
            return flow
        left = way.reliable and way.remote == self.record.left
        return flow if left and self.driver.reaches(flow) else way

    def offering_way(self, dialog: Dialog | None = None) -> Flow:
        """Where descriptions go: as `way`, but with keys never in clear where the peer came over TLS."""
        way = self.way(dialog)
        return way if self.security.may_go(way) else self.flow

    def follow(self, flow: Flow) -> None:
        """The peer's latest request came this way: a NAT has moved it, or it has connected anew.

        A Contact that names the port of a connection which it has left leads nowhere any more. It may be that of its
        listener all the same, which our own connection went to: so `way` tries it where the present one is gone too.
        """
        if flow.reliable and flow.remote != self.flow.remote:
            self.record.left = self.flow.remote
        self.record.flow = flow

    def _is_hidden(self, target: str) -> bool:
        """True for a private address where the peer comes from another one, outside, or is said to be behind a NAT."""
        try:
            here = numeric(self.record.flow.remote.host)
            if here.is_private and self.trunk.media_sources is not MediaSources.ANY:
                return False
            there = numeric(parse_uri(target).host)
        except (PeerError, ValueError):
            return False
        return there.is_private and there != here

    # ---- requests and responses ----

    def reply(self, event: sip.RequestArrived, status: int, headers: Pairs = ()) -> None:
        """Answer a request of the peer."""
        self.driver.respond(event.txn, self.named(event.request.respond(status, headers=headers)))

    def reply_info(self, txn: str, status: int, reason: str = "") -> None:
        """Answer an INFO of the peer."""
        lines = [("Accept", INFO_BODIES)] if status == 415 else []
        response = self.infos.reply(txn, status, [*lines, *self.warning(status, reason)])
        if response is not None:
            self.driver.respond(txn, self.named(response))

    def prack(self, dialog: Dialog, response: Response) -> None:
        """Confirm a reliable provisional response (RFC 3262 §4)."""
        request = dialog.request("PRACK", headers=[("RAck", reliable.rack(response))])
        self.driver.request(self.named(request), self.way(dialog), ignore)

    # ---- what we say of ourselves ----

    def take_timer(self, request: Request) -> Pairs:
        """Start the session timer that a request of the peer asks for; returns what our 2xx says of it."""
        timer, headers = self.timer.judge(request)
        if self.state is LegState.CONFIRMED:
            self.timer.start(timer)
        return headers

    def headers(self) -> list[tuple[str, str]]:
        """What we say about ourselves in requests and answers that make or refresh a dialog."""
        return [*self._contact(), ("Allow", self.allow()), ("Supported", self.supported()), *self._session_headers()]

    def _contact(self) -> list[tuple[str, str]]:
        flow = self.record.flow
        address = self.driver.contact(flow.network, flow.transport, flow.remote.host)
        # RFC 7118 §5.2: the parameter says ws for both kinds of WebSocket
        name = flow.transport.replace("wss", "ws")
        transport = "" if name == "udp" else f";transport={name}"
        dialog = self.record.dialog
        scheme = "sips" if dialog is not None and dialog.secure else "sip"  # RFC 3261 §12.1.1
        features = _FEATURES.get(self.trunk.role, "")
        return [("Contact", f"<{scheme}:{self.shared.server}@{address}{transport}>{features}")]

    @property
    def takes_referrals(self) -> bool:
        """True for a centre that may have calls transferred by REFER."""
        return self.trunk.role is Role.CENTRE and self.trunk.transfers is Transfers.REFER

    def allow(self) -> str:
        """Our Allow header towards this peer."""
        return f"{ALLOW}, REFER" if self.takes_referrals else ALLOW

    def supported(self) -> str:
        """Our Supported header towards this peer."""
        return ", ".join((SUPPORTED, *self.centre_extensions(), *([PRECONDITION] if self.record.reserves else [])))

    def extensions(self) -> frozenset[str]:
        """What a Require of this peer may name."""
        ours = {PRECONDITION} if self.record.opener is Opener.PEER else set()
        return EXTENSIONS | {*self.centre_extensions()} | ours

    def centre_extensions(self) -> tuple[str, ...]:
        """What only a centre is told that we can."""
        if self.trunk.role is not Role.CENTRE:
            return ()
        named = (FROM_CHANGE,) if "from" in self.trunk.bind_from else ()
        return (REPLACES, *named, *((NOREFERSUB,) if self.takes_referrals else ()))

    def named(self, message: M) -> M:
        """The same message with the name of the session, which every one carries (RFC 7989 §7)."""
        for name, value in self._session_headers():
            message.headers.set(name, value)
        return message

    def _session_headers(self) -> list[tuple[str, str]]:
        session = self.shared.session
        return [("Session-ID", session.towards_centre if self.trunk.role is Role.CENTRE else session.towards_caller)]

    def warning(self, status: int, reason: str) -> list[tuple[str, str]]:
        """Why we refuse, for those who look at the peer's log (RFC 3261 §20.43)."""
        return [] if status in (487, 491) else warning(self.shared.server, reason)


@remembered
def _methods(allow: str) -> frozenset[str]:
    """The methods that an Allow names; a peer names the same in each message."""
    return frozenset(method.upper() for method in split_outside_quotes(allow, ",") if method)


def ignore(event: object) -> None:
    """Drop what comes of a request: its outcome changes nothing."""
