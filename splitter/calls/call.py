"""One call: its value, and what runs it: the inbox, the legs and the media. What happens next is decided in `flows`.

Nothing else changes a call: SIP, media, timers and operators only put events into its inbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from splitter.calls.alarms import Alarm, Due
from splitter.calls.asks import Answer, Ask, Asked, Reply
from splitter.calls.audio import Audio
from splitter.calls.carried import by_video, by_voice, summed
from splitter.calls.events import (
    CallEvent,
    HangupAsked,
    LegEvent,
    SeatArrived,
    SeatPlaced,
)
from splitter.calls.facts import CallerFacts, facts_of
from splitter.calls.identity import Destination, identity_of, voice_invite
from splitter.calls.inbox import Inbox
from splitter.calls.jobs import Jobs
from splitter.calls.legs.context import LegContext
from splitter.calls.legs.leg import SipLeg
from splitter.calls.legs.port import ArrivedLeg, DialledLeg, Leg
from splitter.calls.messages import Pairs, Refusal
from splitter.calls.remains import doubt_of, record_of, unfinished_of
from splitter.calls.services import Services
from splitter.calls.session_id import session_id_of
from splitter.calls.settings import CallSettings, Role, Trunk
from splitter.calls.states import CallState, Direction, LegState, Side
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import Pending
from splitter.calls.talk.shown import in_words, view_of
from splitter.calls.talk.state import CallerVideo, Talk
from splitter.calls.video import Video
from splitter.calls.view import CallView, CarriedView, VideoView
from splitter.core.errors import PeerError
from splitter.media.ports.rooms import RoomReport
from splitter.media.ports.voice import RelayReport
from splitter.sdp.model import Origin, Session
from splitter.sip.events import RequestArrived
from splitter.telemetry import metrics
from splitter.transport.targets import Target

_MOST_ASKS = 32  # of one call at a time
_MOST_LEGS = 64  # that are remembered: what a leg says may be read after it has gone


class Call:
    """A call and everything that belongs to it.

    Attributes:
        live: its value and what is under way, as steps see it.
        post: puts an event into the inbox.
        after, stop_timer: set and stop an alarm; see `Inbox`.
        audio, video: what is asked of the media engine for the voice and for the picture.
        jobs: requests to it that are under way.
    """

    def __init__(self, services: Services, talk: Talk) -> None:
        self.services = services
        self._inbox = Inbox()
        self.post = self._inbox.post
        self._released = False
        self.after, self.stop_timer = self._inbox.set_alarm, self._inbox.stop_alarm
        settings = services.settings
        alarms = self.after, self.stop_timer
        self._context = LegContext(
            services.driver, services.ids, self.post, settings.name, talk.session, *alarms, services.desks.knows
        )
        self._legs: dict[str, SipLeg] = {}  # every one that there has been, by its key
        self.live = LiveCall(talk, Pending(), settings, self._legs)
        self._make_legs()
        self.jobs = Jobs(talk.call_id, self.post)
        self._asked: dict[Reply, Asked] = {}
        self.audio = Audio(services.voice, talk.call_id, talk.voice, self.post, self.jobs)
        self.video = Video(services.rooms, talk.call_id, talk.room, self.live.pending, self.post, self._note_in_video())

    @classmethod
    def begun(cls, services: Services, trunk: Trunk, call_id: str, short_code: str, event: RequestArrived) -> Call:
        """A new call, by an INVITE of the caller, or of the centre, which calls outwards.

        Raises:
            PeerError: the INVITE cannot be taken; see also InviteServer.
        """
        # Whatever may refuse the INVITE comes before the leg, which the driver knows from then on.
        direction = Direction.OUT if trunk.role is Role.CENTRE else Direction.IN
        facts = facts_of(event.request, trunk.trusted) if direction is Direction.IN else CallerFacts()
        identity = identity_of(event.request, trunk.trusted)
        sip_call_id, timers = event.request.call_id, services.settings.session_timers
        name = (Side.CALLER if direction is Direction.IN else Side.CENTRE).value
        talk = Talk(
            call_id,
            short_code,
            identity,
            facts,
            services.clock.wall(),
            session_id_of(event.request, services.ids, direction),
            legs={name: LegRecord.of(name, Opener.PEER, trunk.name, event.flow, sip_call_id, timers)},
            video=CallerVideo(VideoView(supported=facts.video_capable)),
            direction=direction,
        )
        if direction is Direction.OUT:
            talk.caller, talk.centre, talk.route = "", name, trunk.name
        call = cls(services, talk)
        call._legs[name].arrive(event)
        call._trace_leg(call.arrived, event.request.from_tag)
        return call

    @classmethod
    def restored(cls, services: Services, talk: Talk, cseq_gap: int = 0) -> Call:
        """A call that was written down at rest, such as by a process that is no more: its legs are heard again.

        What the media engine holds for it is not told of this call; see `Calls.restore`.

        Args:
            cseq_gap: so many requests may have been sent on each leg after it was written down.
        Raises:
            LocalError: it is on a trunk that is configured no more.
        """
        call = cls(services, talk)
        for leg in call._legs.values():
            leg.resume(cseq_gap)
            dialog = leg.record.dialog
            if dialog is not None:
                call._trace_leg(leg, dialog.remote_tag if leg.record.opener is Opener.PEER else dialog.local_tag)
        metrics.SEATS_JOINED.inc(len(talk.parties.all()))
        wall = services.clock.wall()
        for due in talk.alarms:
            call.after(max(0.0, due.at - wall), Alarm(due.kind, due.subject))
        return call

    def _make_legs(self) -> None:
        """Make an object of each leg of the value."""
        for record in self.talk.legs.values():
            self._legs[record.key] = SipLeg(self._context, self.services.routing.trunk(record.trunk), record)

    @property
    def talk(self) -> Talk:
        """All that is known of the call and needed to carry it on."""
        return self.live.talk

    @property
    def pending(self) -> Pending:
        """Everything that is under way."""
        return self.live.pending

    def adopt(self, settings: CallSettings) -> None:
        """Go by these bounds from now on; what was agreed with peers stays."""
        self.live.settings = settings

    def used_trunks(self) -> list[Trunk]:
        """The trunks that its legs are on, each as it was configured when the leg began."""
        return [leg.trunk for leg in self._legs.values() if leg.state is not LegState.ENDED]

    # ---- the inbox ----

    def _enlist(self, leg: SipLeg) -> None:
        """Know a leg by its key; those that came and went long ago are forgotten."""
        self._legs[leg.key] = leg
        gone = [key for key, old in self._legs.items() if old.state is LegState.ENDED and not self.live.has(old)]
        for key in gone[: max(0, len(self._legs) - _MOST_LEGS)]:
            del self._legs[key]

    async def next(self) -> CallEvent:
        """The next event; the one place where a flow waits."""
        while True:
            if not self._inbox.unread:
                answered = self.talk.state is CallState.CONNECTED
                self.services.records.touch(self.talk.call_id, self, answered)
            event = await self._inbox.next()
            if not isinstance(event, LegEvent | SeatArrived | SeatPlaced) or event.leg in self._legs:
                return event

    async def ask(self, ask: Ask) -> Answer:
        """Put an ask into the inbox and wait for what comes of it; a call that ends answers every one.

        Raises:
            Denial: it cannot be done.
        """
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asked = Asked(ask, reply)
        if self._released:
            asked.deny(409, "call-ended", "the call is over")
        elif len(self._asked) >= _MOST_ASKS:
            asked.deny(503, "busy", f"{_MOST_ASKS} requests to this call wait already")
        else:
            self._asked[reply] = asked
            self.post(asked)
        try:
            return await reply
        finally:
            self._asked.pop(reply, None)
            del asked, reply  # a denial remembers this frame: it must not lead back to the denial

    def hang_up(self, reason: str) -> None:
        """Ask the flow to end the call."""
        self.post(HangupAsked(reason))

    # ---- legs ----

    def dial(self, to: Destination, target: Target, offer: Session | None) -> DialledLeg:
        """Send our INVITE; ends in Answered or Refused. Without an offer the peer makes one in its 200."""
        services, talk, name = self.services, self.talk, self.talk.far.value
        request = voice_invite(talk.identity, to, talk.call_id, services.ids, offer)
        flow = services.driver.flow_to(to.trunk.network, *target)
        if (before := self._dialled()) is not None:
            talk.remember(before.record)
        key = f"{name}.{len(self._legs)}"
        timers = services.settings.session_timers
        record = LegRecord.of(name, Opener.US, to.trunk.name, flow, request.call_id, timers, key)
        leg = SipLeg(self._context, to.trunk, record)
        self._enlist(leg)
        self._trace_leg(leg, request.from_tag)
        talk.legs[name] = leg.record
        if self.talk.far is Side.CENTRE:
            talk.centre, talk.route = key, to.trunk.name
            leg.ask_line({to.number, talk.called_number, talk.identity.number})
        else:
            talk.caller = key
        if offer is not None:
            record.terms.note_answered(offer, as_offer=True)  # until the answer comes, early media go by it
        leg.dial(request, offer)
        return leg

    def take_newcomer(self, trunk: Trunk, event: RequestArrived) -> ArrivedLeg:
        """A leg of the centre that wants to take the place of the present one; `install_newcomer` lets it.

        Raises:
            PeerError: 500 while another one waits; 488 where our voice does not reach its network; or as
                InviteServer.
        """
        if self.pending.newcomer:
            raise Refusal(500, "another INVITE is about to replace it", [("Retry-After", "2")])
        if self.talk.voice.networks[1] != trunk.network:
            raise PeerError("the voice of this call goes to another network", 488)
        self.talk.centres += 1
        leg = self._arrived(f"centre-{self.talk.centres}", trunk, event)
        self.pending.newcomer = leg.key
        return leg

    def install_newcomer(self) -> Leg:
        """The newcomer was answered: it is the centre from now on. Returns: the one before, still to be ended."""
        before, leg = self.by_key(self.talk.centre), self.by_key(self.pending.newcomer)
        self.talk.centre, self.pending.newcomer = leg.key, ""
        self.talk.legs.pop(before.name, None)
        self.talk.legs[leg.name] = leg.record
        leg.ask_line({"", self.talk.called_number, self.talk.identity.number})
        self.talk.remember(before.record)
        self.talk.route = leg.trunk.name
        for aside in tuple(self.pending.put_aside):
            if aside.leg == before.key:
                self.pending.put_aside.remove(aside)
        return before

    def take_seat(self, trunk: Trunk, event: RequestArrived) -> ArrivedLeg:
        """A leg for a seat that wants to join."""
        return self._arrived(self.talk.parties.new_name("seat"), trunk, event)

    def _arrived(self, name: str, trunk: Trunk, event: RequestArrived) -> SipLeg:
        timers, sip_call_id = self.services.settings.session_timers, event.request.call_id
        record = LegRecord.of(name, Opener.PEER, trunk.name, event.flow, sip_call_id, timers)
        leg = SipLeg(self._context, trunk, record)
        leg.arrive(event)
        self._enlist(leg)
        self._trace_leg(leg, event.request.from_tag)
        return leg

    def _trace_leg(self, leg: Leg, tag: str | None) -> None:
        """Its messages belong to the trace of this call; `tag`: of who sent its INVITE."""
        self.services.recorder.bind(leg.sip_call_id, self.talk.call_id, leg.name, tag or "")

    def origin(self, network: str, transport: str) -> Origin:
        """A fresh o= line for a leg whose SIP goes this way (RFC 8866 §5.2)."""
        host = self.services.driver.contact(network, transport).host
        return Origin.of(host, self.services.ids.number(2**31))

    def by_key(self, key: str) -> SipLeg:
        """A leg that there is, or has been."""
        return self._legs[key]

    @property
    def caller(self) -> ArrivedLeg:
        """The leg of the caller."""
        return self.by_key(self.talk.caller)

    def networks(self, trunk: Trunk) -> tuple[str, str]:
        """The networks of the caller and the centre, where this trunk is called."""
        here, there = self.arrived.flow.network, trunk.network
        return (here, there) if self.talk.far is Side.CENTRE else (there, here)

    def _dialled(self) -> SipLeg | None:
        """The leg of the route being tried, or that was answered."""
        return self._legs.get(self.talk.centre if self.talk.far is Side.CENTRE else self.talk.caller)

    @property
    def arrived(self) -> ArrivedLeg:
        """The leg that the call began with, until it is answered."""
        return self.by_key(self.talk.near)

    @property
    def centre(self) -> Leg | None:
        """The leg of the route being tried, or that carries the call."""
        return self._legs.get(self.talk.centre)

    @property
    def seats(self) -> dict[str, ArrivedLeg]:
        """The SIP seats in the call, by name."""
        return {name: self.by_key(name) for name in self.talk.seats}

    # ---- its value ----

    @property
    def at_rest(self) -> bool:
        """Nothing is under way: the value could be written down now. Alarms are set beside it, in the inbox."""
        legs = (self._legs.get(self.talk.caller), self._legs.get(self.talk.centre), *self.seats.values())
        settled = all(leg is not None and leg.at_rest for leg in legs)
        engine = self.audio.at_rest and not len(self.jobs)
        waits = self._asked or self._inbox.unread or not self.pending.empty
        return self.talk.state is CallState.CONNECTED and settled and engine and not waits

    def value(self) -> Talk:
        """The call's value with its alarms, as it is to be written down; at rest."""
        wall = self.services.clock.wall()
        self.talk.alarms = [Due(alarm.kind, alarm.subject, wall + left_s) for alarm, left_s in self._inbox.alarms()]
        return self.talk

    def record(self, restless: bool = False) -> bytes | None:
        """The call as it is to be written down now; None while something is under way; see `Recorded.record`."""
        if self.at_rest or (restless and all(leg.state is LegState.CONFIRMED for leg in self.live.sides)):
            return record_of(self.value(), self._legs)
        arrived = self._legs.get(self.talk.near)
        return unfinished_of(self.talk.call_id, arrived, self._dialled()) if arrived is not None else None

    def doubt(self) -> bytes:
        """A note of what is under way, for the process that has to carry the call on from its last record."""
        return doubt_of(self.talk, self.pending, self._legs)

    def take_up(self, talk: Talk) -> None:
        """Go on with this value in place of the present one, such as one that was read back; at rest.

        Alarms and media stay as they are; legs are made anew.
        """
        self.live.talk = talk
        self._context = replace(self._context, session=talk.session)
        self._make_legs()
        for record in talk.legs.values():
            self._legs[record.key].resume()
        self.audio.state, self.video.state = talk.voice, talk.room

    # ---- what is known of it ----

    def note(self, text: str, leg: str = "", kind: str = "note") -> None:
        """Write into the trace what happened and why."""
        self.services.recorder.event(self.talk.call_id, leg, kind, text)

    def tell(self) -> None:
        """Something of the call's view has changed."""
        self.services.bus.publish(self.view())

    def enter(self, state: CallState, why: str) -> None:
        """Change the call's state."""
        self.talk.state = state
        self.note(f"{state}: {why}", kind="state")
        self.tell()

    def end_dialogs(self, headers: Pairs = ()) -> None:
        """End whatever dialogs are left.

        Args:
            headers: for the BYE to the caller and the centre.
        """
        status = self.talk.end_status if self.talk.end_status >= 300 else 480
        for leg in (self._legs.get(self.talk.caller), self.centre):
            if leg is not None:
                leg.refuse(status)
                leg.cancel()
                leg.bye(headers)
        if self.pending.newcomer:
            self.by_key(self.pending.newcomer).refuse(480, "the call is over")
        for seat in self.seats.values():
            seat.bye()
        for key in self.pending.arriving:
            self.by_key(key).refuse(480, "the call is over")

    async def release(self) -> None:
        """Give back everything; the end of every call, whatever came before."""
        self._released = True
        self.end_dialogs()
        for late in self._inbox.close():
            if isinstance(late, SeatArrived):
                self.by_key(late.leg).refuse(480, "the call is over")
        for asked in tuple(self._asked.values()):
            asked.deny(409, "call-ended", "the call is over")
        self.pending.asking.clear()
        await self.jobs.close()
        report = await self.audio.close()
        if report:
            self.note(in_words(report), kind="media")
        room = await self.video.close()
        for member in room.participants if room else ():
            self.note(in_words(member), member.name, "media")
        self.talk.carried = self._carried(report, room)
        for party in self.talk.parties.all():
            self.talk.parties.remove(party.name)
            metrics.SEATS_JOINED.dec()
        for seat in self.seats.values():
            self.talk.remember(seat.record)
        self.talk.seats.clear()
        self.talk.ended_at = self.services.clock.wall()
        self.enter(CallState.ENDED, self.talk.end_reason)
        self.services.recorder.unbind(self.talk.call_id)

    async def carried(self) -> tuple[CarriedView, ...]:
        """What its media have carried until now; asks the media engine."""
        return self._carried(await self.audio.report(), await self.video.report())

    def _carried(self, voice: RelayReport | None, room: RoomReport | None) -> tuple[CarriedView, ...]:
        present = map(by_video, room.participants) if room is not None else ()
        talking = (self._legs.get(self.talk.caller), self.centre)
        codecs = [leg.record.view().audio.partition("/")[0] if leg is not None else "" for leg in talking]
        return summed((*by_voice(voice, codecs), *self.talk.room.past, *present))

    def view(self) -> CallView:
        """The call as operators see it."""
        legs, services = tuple(leg.record.view() for leg in self.live.sides), self.services
        return view_of(self.talk, legs, tuple(self.pending.asking), services.settings.bitrate_kbps, services.node)

    def _note_in_video(self) -> Callable[[str, str], None]:
        event, call_id = self.services.recorder.event, self.talk.call_id  # not the call: see Inbox
        return lambda leg, text: event(call_id, leg, "media", text)
