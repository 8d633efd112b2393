"""The legs of one call: how they begin, take each other's place and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from splitter.calls.alarms import Alarm
from splitter.calls.dialling import Dialling
from splitter.calls.events import CallEvent
from splitter.calls.legs.browser import WebLeg
from splitter.calls.legs.context import LegContext
from splitter.calls.legs.kinds import AnyLeg
from splitter.calls.legs.leg import SipLeg
from splitter.calls.legs.port import ArrivedLeg, DialledLeg, Leg
from splitter.calls.marks import marks_of, tell_recorded
from splitter.calls.peers.identity import Destination, shown_to_agent, voice_invite
from splitter.calls.peers.messages import REPLACES, Pairs, Refusal
from splitter.calls.services import Services
from splitter.calls.settings import Role, Trunk
from splitter.calls.states import LegState, Side
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.phone_commands import DialPhone, GiveUpInvite, PhoneCommand, PromotePhone
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.state import Talk
from splitter.calls.talk.transfer_commands import DialSuccessor, InstallSuccessor
from splitter.calls.talk.transfers import Transfer
from splitter.core.errors import LocalError, PeerError
from splitter.sdp.model import Session
from splitter.sip.dialog import DialogId
from splitter.sip.events import RequestArrived
from splitter.sip.message import Message, Request
from splitter.transport.targets import Target

_MOST_LEGS = 64  # that are remembered: what a leg says may be read after it has gone


class CallLegs:
    """The legs of one call, made of its value.

    Args:
        post: the call's inbox.
        after, stop_timer: set and stop an alarm of the call.

    Attributes:
        all: every one that there has been, by its key.
        live: the call as steps see it.
        dialling: the ways to phones that are invited.
    """

    def __init__(
        self,
        services: Services,
        talk: Talk,
        post: Callable[[CallEvent], None],
        after: Callable[[float, Alarm], None],
        stop_timer: Callable[[Alarm], None],
    ) -> None:
        settings = services.settings
        self.all: dict[str, AnyLeg] = {}
        self._talk, self._pending = talk, Pending()
        self.live = LiveCall(talk, self._pending, settings, self.all, recorded=services.recordings.settings)
        self.dialling = Dialling(services, self.live)
        self._services = services
        self._context = LegContext(
            services.driver,
            services.ids,
            post,
            settings.name,
            talk.session,
            after,
            stop_timer,
            services.desks.knows,
            services.browsers,
            partial(services.recorder.event, talk.call_id),
        )
        self._make()

    def take_up(self, talk: Talk) -> None:
        """Go on with the legs of this value, made anew."""
        self._talk = self.live.talk = talk
        self._context = replace(self._context, session=talk.session)
        self._make()
        for record in talk.legs.values():
            self.all[record.key].resume()

    def begin(self, event: RequestArrived) -> None:
        """Begin with the INVITE that the call begins with. Raises PeerError where it cannot be taken."""
        leg = self.all[self._talk.near]
        leg.arrive(event)
        self._trace(leg, event.request.from_tag)

    def resume(self, cseq_gap: int) -> None:
        """Hear of the dialogs again; see `SipLeg.resume`."""
        for leg in self.all.values():
            leg.resume(cseq_gap)
            if (dialog := leg.record.dialog) is not None:
                self._trace(leg, dialog.remote_tag if leg.record.opener is Opener.PEER else dialog.local_tag)

    def _make(self) -> None:
        """Make an object of each leg of the value."""
        for record in self._talk.legs.values():
            trunk, phone = self._services.routing.trunk(record.trunk), self._talk.phones.get(record.name)
            if record.browser is not None and record.by_page:
                self.all[record.key] = WebLeg(self._context, trunk, record, record.browser)
            else:
                self.all[record.key] = SipLeg(self._context_of(phone), trunk, record)

    def _context_of(self, phone: Phone | None) -> LegContext:
        """The parts that a leg shares with the others; a phone has a session of its own with us (RFC 7989)."""
        return self._context if phone is None else replace(self._context, session=phone.session)

    # ---- their beginning ----

    def dial(self, to: Destination, target: Target, offer: Session | None, side: Side | None = None) -> DialledLeg:
        """Send our INVITE; ends in Answered or Refused. Without an offer the peer makes one in its 200.

        Args:
            side: that is called; the far one where it is left out.
        """
        services, talk, side = self._services, self._talk, side or self._talk.far
        name, before = side.value, self._called(side)
        if before is not None:
            talk.session.forget(side)
        identity = talk.identity if side is talk.far else shown_to_agent(talk.called_number, talk.identity)
        request = voice_invite(identity, to, talk.call_id, services.ids, offer, marks_of(talk))
        tell_recorded(request, talk, to.trunk, services.recordings.settings)
        flow = services.driver.flow_to(to.trunk.network, *target)
        if before is not None:
            talk.remember(before.record)
        key = f"{name}.{len(self.all)}"
        timers = services.settings.session_timers
        record = LegRecord.of(name, Opener.US, to.trunk.name, flow, request.call_id, timers, key)
        leg = SipLeg(self._context, to.trunk, record)
        self._enlist(leg)
        self._trace(leg, request.from_tag)
        talk.legs[name] = leg.record
        if side is Side.CENTRE:
            talk.centre, talk.route = key, to.trunk.name
            leg.ask_line({to.number, talk.called_number, talk.identity.number})
        else:
            talk.caller = key
        if offer is not None:
            record.terms.note_answered(offer, as_offer=True)  # until the answer comes, early media go by it
        leg.dial(request, offer)
        return leg

    def carry_out(self, command: PhoneCommand[Any]) -> Any:
        """Carry out a command about a phone, or begin to. Returns: its reply."""
        match command:
            case DialPhone():
                return self._dial_phone(command.name, command.offer)
            case GiveUpInvite():
                self._give_up(command.name, command.reason)
            case PromotePhone():
                return self._promote(command.name)
            case DialSuccessor():
                return self._dial_successor(command.name, command.offer)
            case InstallSuccessor():
                return self._install_successor()
            case _:
                return self.dialling.carry_out(command)

    def _dial_phone(self, name: str, offer: Session) -> str:
        """Send our INVITE to a phone that is in `Pending.calling`; ends in Answered or Refused."""
        phone = self._pending.calling[name]
        record, trunk, request = self.dialling.invite(name, offer, f"{name}.{len(self.all)}")
        leg = SipLeg(self._context_of(phone), trunk, record)
        phone.leg = leg.key
        self._enlist(leg)
        self._trace(leg, request.from_tag)
        leg.dial(request, offer)
        return leg.key

    def _give_up(self, name: str, reason: str | None = None) -> None:
        """Call somebody no longer; harmless where the INVITE has not left yet."""
        transfer = self._pending.transfer
        called = transfer if transfer is not None and transfer.name == name else self._pending.calling.get(name)
        if called is not None and (leg := self.all.get(called.leg)) is not None:
            leg.cancel(reason)
            leg.bye()

    def take_newcomer(self, trunk: Trunk, event: RequestArrived) -> SipLeg:
        """A leg of the centre that wants to take the place of the present one; `install_newcomer` lets it.

        Raises:
            PeerError: 500 while another one waits; 488 where our voice does not reach its network; or as
                InviteServer.
        """
        if self._pending.newcomer or self._pending.transfer is not None:
            raise Refusal(500, "another leg is about to replace it", [("Retry-After", "2")])
        if self._talk.voice.networks[1] != trunk.network:
            raise PeerError("the voice of this call goes to another network", 488)
        self._talk.centres += 1
        leg = self._arrived(f"centre-{self._talk.centres}", trunk, event)
        self._pending.newcomer = leg.key
        return leg

    def install_newcomer(self) -> Leg:
        """The newcomer was answered: it is the centre from now on. Returns: the one before, still to be ended."""
        leg, self._pending.newcomer = self.by_key(self._pending.newcomer), ""
        before = self._install(leg)
        self.dialling.pass_on(before.name, leg.name)
        return before

    def _promote(self, name: str) -> str:
        """A phone is the centre from now on. Returns: the key of the leg before, still to be ended."""
        leg = self.by_key(self._talk.phones.pop(name).leg)
        return self._install(leg).key

    def _dial_successor(self, name: str, offer: Session) -> str:
        """Send our INVITE to whom the centre hands the call; ends in Answered or Refused."""
        services, talk, transfer = self._services, self._talk, self._transfer
        way, said = self.dialling.way(name), transfer.referral
        to = Destination(way.trunk, way.number, services.driver.contact(way.trunk.network, way.target.transport))
        out = talk.far is Side.CALLER
        identity = shown_to_agent(talk.called_number, talk.identity) if out else talk.identity
        request = voice_invite(identity, to, talk.call_id, services.ids, offer, marks_of(talk))
        tell_recorded(request, talk, to.trunk, services.recordings.settings)
        if said.replaces:
            request.headers.add("Replaces", said.replaces)
            request.headers.add("Require", REPLACES)
        if said.referred_by:
            request.headers.add("Referred-By", said.referred_by)
        flow = services.driver.flow_to(way.trunk.network, *way.target)
        timers, key = services.settings.session_timers, f"{name}.{len(self.all)}"
        record = LegRecord.of(name, Opener.US, way.trunk.name, flow, request.call_id, timers, key)
        leg = SipLeg(replace(self._context, session=transfer.session), way.trunk, record)
        self._enlist(leg)
        self._trace(leg, request.from_tag)
        leg.ask_line({talk.called_number, talk.identity.number})
        record.terms.note_answered(offer, as_offer=True)
        transfer.leg = key
        leg.dial(request, offer)
        return key

    def _install_successor(self) -> str:
        """Whom the centre hands the call to is the centre from now on. Returns: the key of the leg before."""
        transfer, talk = self._transfer, self._talk
        leg = self.by_key(transfer.leg)
        if isinstance(leg, SipLeg):
            talk.session.centre = transfer.session.centre
            leg.share(talk.session)
        return self._install(leg).key

    @property
    def _transfer(self) -> Transfer:
        if (transfer := self._pending.transfer) is None:
            raise LocalError("somebody was to be called for a transfer that is not under way")
        return transfer

    def _install(self, leg: AnyLeg) -> Leg:
        """This leg is the centre from now on. Returns: the one before."""
        before = self.by_key(self._talk.centre)
        self._talk.centre = leg.key
        self._talk.legs.pop(before.name, None)
        self._talk.legs[leg.name] = leg.record
        if leg.trunk.role is Role.CENTRE:
            leg.ask_line({"", self._talk.called_number, self._talk.identity.number})
        self._talk.remember(before.record)
        self._talk.route = leg.trunk.name
        for aside in tuple(self._pending.put_aside):
            if aside.leg == before.key:
                self._pending.put_aside.remove(aside)
        return before

    def take_seat(self, trunk: Trunk, event: RequestArrived) -> SipLeg:
        """A leg for a seat that wants to join."""
        return self._arrived(self._talk.parties.new_name("seat"), trunk, event)

    def _arrived(self, name: str, trunk: Trunk, event: RequestArrived) -> SipLeg:
        timers, sip_call_id = self._services.settings.session_timers, event.request.call_id
        record = LegRecord.of(name, Opener.PEER, trunk.name, event.flow, sip_call_id, timers)
        leg = SipLeg(self._context, trunk, record)
        leg.offer_in(event.request)  # or it is refused before anybody waits for it
        leg.arrive(event)
        self._enlist(leg)
        self._trace(leg, event.request.from_tag)
        return leg

    def _trace(self, leg: Leg, tag: str | None) -> None:
        """Its messages belong to the trace of this call; `tag`: of who sent its INVITE."""
        self._services.recorder.bind(leg.sip_call_id, self._talk.call_id, leg.name, tag or "")

    def _enlist(self, leg: AnyLeg) -> None:
        """Know a leg by its key; those that came and went long ago are forgotten."""
        self.all[leg.key] = leg
        gone = [key for key, old in self.all.items() if old.state is LegState.ENDED and not self.live.has(old)]
        for key in gone[: max(0, len(self.all) - _MOST_LEGS)]:
            del self.all[key]

    # ---- which they are ----

    def by_key(self, key: str) -> AnyLeg:
        """A leg that there is, or has been."""
        return self.all[key]

    def in_dialog(self, message: Message, from_peer: bool = False) -> SipLeg | None:
        """The leg in whose dialog we have sent this message, or its peer has."""
        tags = (message.from_tag or "", message.to_tag or "")
        ours = isinstance(message, Request) is not from_peer
        dialog = DialogId(message.call_id, *(tags if ours else tags[::-1]))
        legs = (self.all[one.key] for one in self._talk.legs.values())
        return next((leg for leg in legs if isinstance(leg, SipLeg) and leg.is_in(dialog)), None)

    @property
    def caller(self) -> ArrivedLeg:
        """The leg of the caller."""
        return self.by_key(self._talk.caller)

    @property
    def dialled(self) -> AnyLeg | None:
        """The leg of the route being tried, or that was answered."""
        return self._called(self._talk.far)

    def _called(self, side: Side) -> AnyLeg | None:
        return self.all.get(self._talk.centre if side is Side.CENTRE else self._talk.caller)

    @property
    def arrived(self) -> ArrivedLeg:
        """The leg that the call began with, until it is answered."""
        return self.by_key(self._talk.near)

    @property
    def centre(self) -> Leg | None:
        """The leg of the route being tried, or that carries the call."""
        return self.all.get(self._talk.centre)

    @property
    def seats(self) -> dict[str, ArrivedLeg]:
        """The SIP seats in the call, by name."""
        return {name: self.by_key(name) for name in self._talk.seats}

    def networks(self, trunk: Trunk) -> tuple[str, str]:
        """The networks of the caller and the centre, where this trunk is called."""
        here, there = self.arrived.flow.network, trunk.network
        return (here, there) if self._talk.far is Side.CENTRE else (there, here)

    def used_trunks(self) -> list[Trunk]:
        """The trunks that its legs are on, each as it was configured when the leg began."""
        return [leg.trunk for leg in self.all.values() if leg.state is not LegState.ENDED]

    # ---- their end ----

    def end(self, headers: Pairs = ()) -> None:
        """End whatever dialogs are left.

        Args:
            headers: for the BYE to the caller and the centre.
        """
        status = self._talk.end_status if self._talk.end_status >= 300 else 480
        for leg in (self.all.get(self._talk.caller), self.centre):
            if leg is not None:
                leg.refuse(status)
                leg.cancel()
                leg.bye(headers)
        if self._pending.newcomer:
            self.by_key(self._pending.newcomer).refuse(480, "the call is over")
        for seat in self.seats.values():
            seat.bye()
        for phone in self._talk.phones.values():
            self.by_key(phone.leg).bye()
        transfer = self._pending.transfer
        for name in (*self._pending.calling, *((transfer.name,) if transfer is not None else ())):
            self._give_up(name)
        for key in self._pending.arriving:
            self.by_key(key).refuse(480, "the call is over")
