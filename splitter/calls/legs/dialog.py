"""One dialog of a call and the rules inside it (RFC 3261 §12–§15): who hears what the transaction layer says of it.

No I/O of its own. It has the INVITE that began it (`server` or `client`), the offers that are open (`offers`) and its
refreshes, turns what comes into the events of `calls.events`, and knows how the dialog ends.
"""

from __future__ import annotations

from functools import partial
from weakref import WeakMethod

from splitter.calls.leg_events import AckMissing, DigitPressed, Ended, KeyFrameAsked, MetadataAsked, Refreshed
from splitter.calls.legs.client import InviteClient
from splitter.calls.legs.context import INFO_BODIES, DialogContext, LegContext, ignore
from splitter.calls.legs.offers import Offers
from splitter.calls.legs.referrals import Referrals
from splitter.calls.legs.refresh import Refreshes
from splitter.calls.legs.server import InviteServer
from splitter.calls.legs.webrtc import BrowserDescriptions
from splitter.calls.peers.digits import DIGIT_TYPES
from splitter.calls.peers.messages import (
    FAST_UPDATE,
    FROM_CHANGE,
    METADATA_REQUEST,
    SDP,
    Pairs,
    Refusal,
    headers_of,
    refuse_unknown_extensions,
    session_of,
)
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.core.errors import PeerError
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog
from splitter.sip.message import Request
from splitter.sip.multipart import find_part

_OFFERING = ("INVITE", "UPDATE")


class LegDialog:
    """The dialog of one leg, and what is under way in it.

    Attributes:
        context: where its messages go, and what they say of us.
        invite: what began it; None once that is history, and for a dialog that was made anew from its record.
        offers, refreshes, referrals: those that are open.
        farewell_of_peer: its BYE.
    """

    def __init__(self, shared: LegContext, trunk: Trunk, record: LegRecord) -> None:
        self.context = DialogContext(shared, trunk, record, WeakMethod(self.receive))
        self.invite: InviteServer | InviteClient | None = None
        self.offers = Offers(self.context)
        self.refreshes = Refreshes(self.context)
        self.referrals = Referrals(self.context)
        self._farewell: Pairs | None = None  # the headers of a BYE that waits: see `bye`
        self.farewell_of_peer: Request | None = None

    # ---- what the transaction layer says ----

    def receive(self, event: sip.SipEvent) -> None:
        """The driver's listener for everything that concerns this leg."""
        match event:
            case sip.RequestArrived():
                self._on_request(event)
            case sip.StrayAnswer() if self.context.state is LegState.CONFIRMED:
                # What it agreed to is settled by the next offer; see `calls.persistence.recovery`.
                ack = self.context.named(self.context.dialog.ack(event.response.cseq[0]))
                self.context.driver.acknowledge(event.txn, ack, self.context.way())
            case sip.ResponseArrived() | sip.RequestFailed():
                self._on_outcome(event)
            case sip.CancelArrived() | sip.PrackTimedOut() if isinstance(
                self.invite, InviteServer
            ) and self.invite.is_own(event.txn):
                self.invite.receive(event)
            case sip.CancelArrived():
                self.offers.on_cancel(event)
            case sip.AckArrived():
                owed = self.offers.ack_came(event.txn)
                if not self._say_farewell():
                    self.offers.tell_ack(event.request, owed)
                self._forget_invite(event.txn)
            case sip.AckTimedOut() if self.offers.awaits_ack(event.txn):
                self.offers.ack_came(event.txn)
                if not self._say_farewell():
                    self.context.post(AckMissing(self.context.key))
            case _:
                pass  # ends of transactions

    def _forget_invite(self, txn: str) -> None:
        """An INVITE of the peer is history with the ACK of its 2xx: a call may last for hours, and there are many.

        One of ours is not: more phones of a fork may answer, and the driver does not tell when that is over.
        """
        if isinstance(self.invite, InviteServer) and self.invite.is_own(txn):
            self.invite = None

    def _on_outcome(self, event: sip.ResponseArrived | sip.RequestFailed) -> None:
        """Of a request of ours; what becomes of BYE and INFO changes nothing here."""
        invite, offers = self.invite, self.offers
        if isinstance(invite, InviteClient) and invite.is_own(event.txn):
            if (refused := invite.receive(event)) is not None:
                self.bye()
                self.context.post(refused)
        elif offers.is_own(event.txn):
            offers.on_outcome(event)
        elif self.referrals.is_own(event.txn):
            self.referrals.on_outcome(event)
            self._say_farewell()

    @property
    def early(self) -> tuple[Dialog, ...]:
        """The early dialogs of a leg that is not answered."""
        return tuple(self.invite.early) if self.invite is not None else ()

    def _dialog_of(self, request: Request) -> Dialog:
        """The dialog that a request of the peer belongs to; an unanswered leg has several."""
        tags = (request.to_tag or "", request.from_tag or "")
        found = (dialog for dialog in self.early if (dialog.local_tag, dialog.remote_tag) == tags)
        return next(found, None) or self.context.dialog

    def _on_request(self, event: sip.RequestArrived) -> None:
        request, context = event.request, self.context
        try:
            dialog = self._dialog_of(request)
            dialog.receive(request)
            context.follow(event.flow)
            refuse_unknown_extensions(request, context.extensions())
            if FROM_CHANGE in context.extensions():
                dialog.rename(request)
            context.learn(request)
            if not self._comes_anew(event):
                self._on_method(event)
        except PeerError as error:
            self._refuse(event, error)

    def _refuse(self, event: sip.RequestArrived, error: PeerError) -> None:
        context = self.context
        context.reply(event, error.status, [*context.warning(error.status, error.reason), *headers_of(error)])

    def _comes_anew(self, event: sip.RequestArrived) -> bool:
        """True for the offer of a browser that comes by another network: it is read once our transport is there too."""
        context, security = self.context, self.context.security
        ready = context.state is LegState.CONFIRMED and self.offers.takes_another  # else it is refused, and comes again
        if not isinstance(security, BrowserDescriptions) or not ready or event.request.method not in _OFFERING:
            return False
        if not security.follow(event.request, partial(self._on_transport, event)):
            return False
        self.offers.put_off(event)
        return True

    def _on_transport(self, event: sip.RequestArrived, fault: str) -> None:
        """The transport of a browser that came anew is there; or is not, and `fault` says why."""
        if not self.offers.take_up(event.txn):
            return
        try:
            if fault:
                raise Refusal(500, fault, [("Retry-After", "2")])
            self._on_method(event)
        except PeerError as error:
            self._refuse(event, error)
            self.context.post(Refreshed(self.context.key))  # what has waited for its end may go

    def _on_method(self, event: sip.RequestArrived) -> None:
        context = self.context
        match event.request.method:
            case "BYE":
                context.reply(event, 200)
                self._on_bye(event.request)
            case "INVITE":
                context.note_abilities(event.request)
                if context.state is LegState.EARLY and self.invite is not None:
                    raise self.invite.glare
                self.offers.on_reinvite(event)
            case "UPDATE":
                self._on_update(event)
            case "PRACK" if isinstance(self.invite, InviteServer):
                self.invite.on_prack(event)
            case "PRACK":
                raise PeerError("no reliable response waits for a PRACK", 481)
            case "INFO":
                self._on_info(event)
            case "REFER" if context.takes_referrals:
                self.referrals.on_refer(event)
            case "OPTIONS":
                context.reply(
                    event, 200, [("Allow", context.allow()), ("Accept", SDP), ("Supported", context.supported())]
                )
            case method:
                raise Refusal(405, f"{method[:20]} is not supported in a call", [("Allow", context.allow())])

    def _on_update(self, event: sip.RequestArrived) -> None:
        """RFC 3311 §5.2: also before the answer, once a first answer was given reliably."""
        self.context.note_abilities(event.request)
        early = self.invite if self.context.state is LegState.EARLY else None
        if early is not None and session_of(event.request) is not None:
            early.admit_early(event.request)
        self.offers.on_update(event)
        if self.context.shared.tells_metadata and find_part(event.request, METADATA_REQUEST) is not None:
            self.context.post(MetadataAsked(self.context.key))

    def _on_info(self, event: sip.RequestArrived) -> None:
        request, context = event.request, self.context
        if context.state is LegState.ENDED:
            raise PeerError("the call is over", 481)
        if package := request.headers.get("info-package"):
            # RFC 6086 §4.2.2; what we take belongs to no package
            raise Refusal(469, f"Info Package {package[:60]}", [("Recv-Info", "")])
        if request.content_type in DIGIT_TYPES and request.body:
            context.infos.take_request(event.txn, request)
            context.post(DigitPressed(context.key, event.txn, request))
        elif request.body and request.content_type != FAST_UPDATE:
            raise Refusal(415, f"INFO with {request.content_type[:60]}", [("Accept", INFO_BODIES)])
        else:
            context.reply(event, 200)
            if request.body:
                context.post(KeyFrameAsked(context.key))

    # ---- its end ----

    def bye(self, headers: Pairs = ()) -> None:
        """End the dialog. An INVITE of the peer that is not answered is refused; one of ours is left to `cancel`.

        The callee must not send BYE before the ACK of its 2xx (RFC 3261 §15): it waits for that, or for its absence.
        And it waits until a peer that has transferred the call knows how that ended.
        """
        if isinstance(self.invite, InviteServer) and self.context.state is LegState.EARLY:
            self.invite.refuse(480)  # its 200 was still waiting
        if isinstance(self.invite, InviteClient):
            self.invite.acknowledge_bare()
        if self.context.state is not LegState.CONFIRMED:
            return
        self.context.record.state = LegState.ENDED
        self.context.timer.end()
        self.offers.decline_all()
        if self._must_stay:
            self._farewell = headers
        else:
            self._send_bye(headers)

    @property
    def _must_stay(self) -> bool:
        return self.offers.ack_owed or self.referrals.notice_owed

    def _on_bye(self, request: Request) -> None:
        if self.context.state is LegState.EARLY and isinstance(self.invite, InviteServer):
            self.invite.on_cancel(request)
        elif self.context.state is LegState.EARLY and isinstance(self.invite, InviteClient):
            self.invite.on_early_bye(request)
        else:
            self.offers.decline_all()
            self._farewell = None  # the BYE of ours that waits has become needless
            ended = self.context.state is LegState.ENDED
            self._close()
            if not ended:
                self.farewell_of_peer = request
                self.context.post(Ended(self.context.key, request))

    def end_by(self, bye: Request) -> None:
        """End the dialog without a word: it was said by a former process."""
        self._close()
        self.context.post(Ended(self.context.key, bye))

    def _say_farewell(self) -> bool:
        """Send the BYE that waited, if one did and nothing is owed to the peer any more."""
        if self._farewell is None or self._must_stay:
            return False
        self._send_bye(self._farewell)
        self._farewell = None
        return True

    def _send_bye(self, headers: Pairs) -> None:
        context = self.context
        request = context.dialog.request("BYE", headers=headers)
        context.driver.request(context.named(request), context.way(), ignore)
        self._close()

    def _close(self) -> None:
        self.context.record.state = LegState.ENDED
        self.context.timer.end()
        # The peer answers it 487 by itself (RFC 3261 §15.1.2); if not, it would be held for ever.
        self.offers.withdraw()
        if self.context.record.dialog is not None:
            self.context.driver.unregister(self.context.record.dialog.id)
