"""One call: its value, and what runs it: the inbox, the legs and the media. What happens next is decided in `flows`.

Nothing else changes a call: SIP, media, timers and operators only put events into its inbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from splitter.calls.alarms import Alarm, Due
from splitter.calls.asks import Answer, Ask, Asked, Reply
from splitter.calls.audio import Audio
from splitter.calls.browsers.invite import TRANSPORT
from splitter.calls.call_legs import CallLegs
from splitter.calls.carried import by_video, by_voice, parties, summed, with_skew
from splitter.calls.events import CallEvent, HangupAsked, SeatArrived, SeatPlaced
from splitter.calls.inbox import Inbox
from splitter.calls.jobs import Jobs
from splitter.calls.leg_events import LegEvent
from splitter.calls.legs.port import ArrivedLeg, Leg
from splitter.calls.peers.facts import CallerFacts, facts_of
from splitter.calls.peers.identity import Identity, identity_of
from splitter.calls.peers.session_id import SessionId, session_id_of
from splitter.calls.persistence.remains import UnansweredRecord, doubt_of, placed_of, record_of
from splitter.calls.recording.recordings import refuse_unrecorded
from splitter.calls.routing import called_of
from splitter.calls.services import Services
from splitter.calls.settings import CallSettings, Role, Trunk
from splitter.calls.states import CallState, Direction, LegState, PhoneOutcome, RecordingState, Side
from splitter.calls.talk.browser import BrowserRecord
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.outstanding import Outstanding
from splitter.calls.talk.shown import in_words, view_of
from splitter.calls.talk.state import CallerVideo, Talk
from splitter.calls.video import Video
from splitter.calls.view import CallEnded, CallView, CarriedView, VideoView
from splitter.media.ports.rooms import RoomReport
from splitter.media.ports.voice import RelayReport
from splitter.sdp.model import Origin
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from splitter.telemetry import metrics

_MOST_ASKS = 32  # of one call at a time


class Call:
    """A call and everything that belongs to it.

    Attributes:
        live: the call as steps see it. legs: those of it.
        talk: its value, all that is needed to carry it on. pending: what is under way.
        post: puts an event into the inbox.
        after, stop_timer: set and stop an alarm; see `Inbox`.
        audio, video: what is asked of the media engine for the voice and for the picture.
        jobs: requests to it that are under way.
    """

    def __init__(self, services: Services, talk: Talk) -> None:
        self.services = services
        self._inbox = Inbox()
        self.post = self._inbox.post
        self._released = self._untold = False
        self.after, self.stop_timer = self._inbox.set_alarm, self._inbox.stop_alarm
        self.legs = CallLegs(services, talk, self.post, self.after, self.stop_timer)
        self.live = self.legs.live
        self.talk, self.pending = talk, self.live.pending
        self.jobs = Jobs(talk.call_id, self.post)
        self._asked: dict[Reply, Asked] = {}
        self._unanswered = UnansweredRecord(talk.call_id)
        self.live.abilities = self.audio = Audio(services.voice, talk.call_id, talk.voice, self.post, self.jobs)
        self.video = Video(
            services.rooms,
            services.mosaics,
            talk.call_id,
            talk.room,
            self.pending,
            self.post,
            self._note_in_video(),
        )

    @classmethod
    def begun(
        cls,
        services: Services,
        trunk: Trunk,
        call_id: str,
        short_code: str,
        event: RequestArrived,
        browser: BrowserRecord | None = None,
        said: Request | None = None,
    ) -> Call:
        """A new call, by an INVITE of the caller, or of the centre, which calls outwards.

        Args:
            browser: of a web caller, for whom the INVITE stands.
            said: says who calls, in the place of the INVITE.
        Raises:
            PeerError: the INVITE cannot be taken; see also InviteServer.
        """
        # Whatever may refuse the INVITE comes before the leg, which the driver knows from then on.
        called, routing = called_of(event.request.uri), services.routing
        ways = tuple(way.name for way, _ in routing.destinations(called, trunk.role))
        refuse_unrecorded(services.recordings, (trunk.name, *ways), called)
        direction = Direction.OUT if trunk.role is Role.CENTRE else Direction.IN
        stands_for, said = said is not None, said or event.request
        facts = facts_of(said, trunk.trusted) if direction is Direction.IN else CallerFacts()
        if browser is not None and browser.customer:  # as the operator's own system knows it: nobody hides anything
            facts = replace(facts, private=False)
        identity = identity_of(said, trunk.trusted)
        if stands_for:
            identity = replace(identity, hops_left=event.request.max_forwards)
        sip_call_id, timers = event.request.call_id, services.settings.session_timers
        name = (Side.CALLER if direction is Direction.IN else Side.CENTRE).value
        record = LegRecord.of(name, Opener.PEER, trunk.name, event.flow, sip_call_id, timers)
        record.browser = browser
        talk = Talk(
            call_id,
            short_code,
            identity,
            facts,
            services.clock.wall(),
            session_id_of(event.request, services.ids, direction),
            legs={name: record},
            video=CallerVideo(VideoView(supported=facts.video_capable)),
            direction=direction,
            test=services.routing.is_lent(event.flow),
        )
        if direction is Direction.OUT:
            talk.caller, talk.centre, talk.route = "", name, trunk.name
        call = cls(services, talk)
        call.legs.begin(event)
        if talk.test:
            call.note("a test call of splitter probe: nobody has called", kind="state")
        return call

    @classmethod
    def placed(cls, services: Services, call_id: str, short_code: str, shown: str, number: str) -> Call:
        """A new call outwards that nobody has sent an INVITE for.

        Args:
            shown: who calls, as the network sees it. number: that is called.
        """
        half = f"{services.ids.number(2**128):032x}"
        talk = Talk(
            call_id,
            short_code,
            Identity(user=shown, number=shown),
            CallerFacts(),
            services.clock.wall(),
            SessionId(centre=half),
            called_number=number,
            direction=Direction.OUT,
            caller="",
        )
        return cls(services, talk)

    @classmethod
    def restored(cls, services: Services, talk: Talk, cseq_gap: int = 0) -> Call:
        """A call that was written down at rest, such as by a process that is no more: its legs are heard again.

        What the media engine holds for it is not told of this call; see `Calls.restore`.

        Args:
            cseq_gap: so many requests may have been sent on each leg after it was written down.
        Raises:
            LocalError: it is on a trunk that is configured no more.
        """
        talk.room.mosaic.begin_anew()
        call = cls(services, talk)
        call.legs.resume(cseq_gap)
        metrics.calls.SEATS_JOINED.inc(len(talk.parties.all()))
        for due in talk.alarms:
            left_s, leg = services.epochs.left_s(due.at, talk.epoch), talk.legs.get(due.subject)
            left_s = max(0.0, left_s) if leg is None else leg.timer.bounded_s(due.kind, left_s)
            call.after(left_s, Alarm(due.kind, due.subject))
        return call

    def adopt(self, settings: CallSettings) -> None:
        """Go by these bounds from now on; what was agreed with peers stays."""
        self.live.settings = settings

    # ---- the inbox ----

    async def next(self) -> CallEvent:
        """The next event; the one place where a flow waits."""
        while True:
            if not self._inbox.unread:
                self.catch_up()
                talk = self.talk
                self.services.records.touch(talk.call_id, self, talk.state is CallState.CONNECTED)
            event = await self._inbox.next()
            if not isinstance(event, LegEvent | SeatArrived | SeatPlaced) or event.leg in self.legs.all:
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

    @property
    def caller(self) -> ArrivedLeg:
        """The leg of the caller."""
        return self.legs.caller

    @property
    def arrived(self) -> ArrivedLeg:
        """The leg that the call began with, until it is answered."""
        return self.legs.all[self.talk.near]

    @property
    def centre(self) -> Leg | None:
        """The leg of the route being tried, or that carries the call."""
        return self.legs.centre

    def origin(self, network: str, transport: str) -> Origin:
        """A fresh o= line for a leg whose SIP goes this way (RFC 8866 §5.2)."""
        services, browser = self.services, transport == TRANSPORT
        host = self.caller.flow.local.host if browser else services.driver.contact(network, transport).host
        return Origin.of(host, services.ids.number(2**31))

    # ---- its value ----

    @property
    def at_rest(self) -> bool:
        """Nothing is under way: the value could be written down now. Alarms are set beside it, in the inbox."""
        if self.talk.state is not CallState.CONNECTED or self._asked or self._inbox.unread or not self.pending.empty:
            return False
        if len(self.jobs) or not self.audio.at_rest:
            return False
        two = (self.legs.all.get(self.talk.caller), self.legs.all.get(self.talk.centre))
        phones = (self.legs.by_key(phone.leg) for phone in self.talk.phones.values())
        return all(leg is not None and leg.at_rest for leg in (*two, *self.legs.seats.values(), *phones))

    def value(self) -> Talk:
        """The call's value with its alarms, as it is to be written down; at rest."""
        talk, epoch = self.talk, self.services.epochs.current()
        talk.epoch = epoch
        talk.alarms = [Due(alarm.kind, alarm.subject, epoch.offset_s + at) for alarm, at in self._inbox.alarms()]
        return talk

    def record(self) -> tuple[bytes | None, bool]:
        """The call as it is to be written down now, and whether it is at rest so; see `Recorded.record`."""
        talk, legs = self.talk, self.legs
        arrived = legs.all.get(talk.near)
        if arrived is None and talk.answered_at is None:
            placed = placed_of(talk, legs.all)
            return placed, placed is not None
        if at_rest := self.at_rest:
            return record_of(self.value(), legs.all), at_rest
        if arrived is not None and (left := self._unanswered.look(arrived, legs.dialled)) is not None:
            return left, True
        confirmed = all(leg.state is LegState.CONFIRMED for leg in self.live.sides)
        return (record_of(self.value(), legs.all) if confirmed else None), False

    def write_down(self) -> None:
        """Write down now what has changed: the next process is to know it, too."""
        self.services.records.touch(self.talk.call_id, self)
        self.services.records.write_ahead([self.talk.call_id])

    def doubt(self, outstanding: Sequence[Outstanding], at_rest: bool = False) -> bytes:
        """A note of what is under way, for the process that has to carry the call on from its last record."""
        return doubt_of(self.talk, self.pending, self.legs.all, outstanding, at_rest)

    def take_up(self, talk: Talk) -> None:
        """Go on with this value in place of the present one, such as one that was read back; at rest.

        Alarms and media stay as they are; legs are made anew.
        """
        self.talk = talk
        self.legs.take_up(talk)
        self.audio.state, self.video.state = talk.voice, talk.room

    # ---- what is known of it ----

    def note(self, text: str, leg: str = "", kind: str = "note") -> None:
        """Write into the trace what happened and why."""
        self.services.recorder.event(self.talk.call_id, leg, kind, text)

    def tell_soon(self) -> None:
        """Something of the call's view has changed; people are told once it has nothing more to read."""
        self._untold = True

    def catch_up(self) -> None:
        """Tell people now what they are to be told soon."""
        if self._untold:
            self.tell()

    def tell(self) -> None:
        """Tell people now how the call is."""
        self._untold = False
        self.talk.follow_course(self.services.clock.wall())
        self.services.bus.publish(self.view())

    def enter(self, state: CallState, why: str) -> None:
        """Change the call's state."""
        self.talk.state = state
        self.note(f"{state}: {why}", kind="state")
        self.tell()

    async def release(self) -> None:
        """Give back everything; the end of every call, whatever came before."""
        self._released = True
        try:
            self.legs.end()
        finally:
            self.services.records.end(self.talk.call_id, self.talk.end_reason)
        for late in self._inbox.close():
            if isinstance(late, SeatArrived):
                self.legs.by_key(late.leg).refuse(480, "the call is over")
        for asked in tuple(self._asked.values()):
            asked.deny(409, "call-ended", "the call is over")
        self.pending.asking.clear()
        await self.jobs.close()
        if self.video.empty:
            report, room = await self.audio.close(), await self.video.close()
        else:
            report, room = await asyncio.gather(self.audio.close(), self.video.close())  # both leave in one message
        if report:
            self.note(in_words(report), kind="media")
        await self.video.mosaic.close()
        if recording := self.talk.recording.id_for(self.talk.call_id):
            self.services.recordings.end(recording, self.talk.end_reason)
        self.talk.recording.state = RecordingState.OFF
        for member in room.participants if room else ():
            self.note(in_words(member), member.name, "media")
        self.talk.carried = self._carried(report, room)
        for party in self.talk.parties.all():
            self.talk.parties.remove(party.name)
            metrics.calls.SEATS_JOINED.dec()
        for seat in self.legs.seats.values():
            self.talk.remember(seat.record)
        self.talk.seats.clear()
        for phone in (*self.talk.phones.values(), *self.pending.calling.values()):
            self.talk.forget_phone(phone, PhoneOutcome.HUNG_UP, "the call is over")
        self.pending.calling.clear()
        self.legs.dialling.close()
        self.talk.ended_at = self.services.clock.wall()
        self.enter(CallState.ENDED, self.talk.end_reason)
        self.services.bus.publish(CallEnded(self.talk.call_id))
        self.services.records.finish(self.talk.call_id)
        self.services.recorder.unbind(self.talk.call_id)

    async def carried(self) -> tuple[CarriedView, ...]:
        """The counts of its media until now; asks the media engine."""
        return self._carried(await self.audio.report(), await self.video.report())

    def _carried(self, voice: RelayReport | None, room: RoomReport | None) -> tuple[CarriedView, ...]:
        present = map(by_video, parties(room.participants)) if room is not None else ()
        voices = self.talk.voice
        sides = [(name, voices.number(name), self._codec(name)) for name in voices.names]
        caller = next((one.stream for one in room.participants if one.name == Side.CALLER), None) if room else None
        heard = voice.sides[at] if voice and 0 <= (at := voices.number(Side.CALLER)) < len(voice.sides) else None
        return with_skew(summed((*by_voice(voice, sides), *self.talk.room.past, *present)), heard, caller)

    def _codec(self, name: str) -> str:
        leg = self.live.voice(name)
        return leg.record.view().audio.partition("/")[0] if leg is not None else ""

    def view(self) -> CallView:
        """The call as operators see it."""
        legs, services = tuple(leg.record.view() for leg in self.live.sides), self.services
        asking, calling = tuple(self.pending.asking), tuple(self.pending.calling.values())
        kbps, records = services.settings.bitrate_kbps, services.recordings.settings.possible
        return view_of(self.talk, legs, asking, kbps, services.node, calling, records)

    def _note_in_video(self) -> Callable[[str, str], None]:
        event, call_id = self.services.recorder.event, self.talk.call_id  # not the call: see Inbox
        return lambda leg, text: event(call_id, leg, "media", text)
