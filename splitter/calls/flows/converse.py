"""The answered call: it ends when the caller or the centre hangs up, or an operator asks; nothing else ends it.

See `actor.converse`, which runs its steps. Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Asked, DropVideo, RaiseVideo
from splitter.calls.events import CallEvent, HangupAsked, TimeUp, VoiceCounted, VoiceDoubt
from splitter.calls.flows.digits import pass_waiting
from splitter.calls.flows.meanwhile import meanwhile
from splitter.calls.flows.mixing import advance
from splitter.calls.flows.mosaic import follow_mosaic, has_mosaic
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.flows.phone_questions import ask_phones
from splitter.calls.flows.phones import hand_over, heir_of, lose_phone
from splitter.calls.flows.recording import advance as record
from splitter.calls.flows.recording import may_record
from splitter.calls.flows.reoffer import ReofferEvent, Reoffers, refresh_later
from splitter.calls.flows.seats import leave_call
from splitter.calls.flows.silences import reconsider
from splitter.calls.flows.transfers import go_on_alone, settle_transfer
from splitter.calls.leg_events import (
    AckMissing,
    Acknowledged,
    Cancelled,
    Ended,
    LegEvent,
    OfferAccepted,
    OfferCollided,
    Offered,
    OfferRefused,
    OfferWithdrawn,
    Refreshed,
    RefreshFailed,
)
from splitter.calls.peers.messages import Pairs, plain_headers
from splitter.calls.states import Side
from splitter.calls.talk.commands import EndDialogs, Log, Note, RefuseInvite, SendBye, Steps
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import CountVoice
from splitter.calls.talk.phones import Phone

_REFRESH_AGAIN_S = 30.0


class Conversation:
    """The steps of one answered call."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call
        self._reoffers = Reoffers(call)

    def begin(self) -> Steps[None]:
        """The call was answered."""
        yield from self._reoffers.begin()

    def step(self, event: CallEvent) -> Steps[None]:
        """Take in one event of the answered call."""
        yield from self._on_event(event)
        yield from self.carry_on()

    def finish(self) -> Steps[None]:
        """The call is over."""
        yield from self._reoffers.escalation.close()

    def carry_on(self) -> Steps[None]:
        """Do what has waited: after the answer, and after each event.

        What goes wrong with somebody or something beside the two that talk must not end their call.
        """
        call = self._call
        if call.pending.digits:
            yield from pass_waiting(call)
        if call.over:
            return
        if call.talk.silences or call.talk.video.excused:
            yield from reconsider(call)
        if call.pending.transfer is not None:
            yield from self._settle_transfer()
        if call.talk.phones or call.talk.voice.hearing:
            yield from _guarded(advance(call), "the voices could not be connected")
        if may_record(call):
            yield from _guarded(record(call), "the recording could not go on")
        yield from self._reoffers.pump()
        if call.pending.asked_phones:
            yield from _guarded(ask_phones(call), "a phone could not be asked for video")
        if has_mosaic(call):
            yield from _guarded(follow_mosaic(call), "the mosaic could not be followed")

    def _settle_transfer(self) -> Steps[None]:
        try:
            yield from settle_transfer(self._call)
        except Exception as error:  # the two go on as they are
            self._call.pending.transfer = None
            yield Log("a call could not be handed on", {}, error)

    def _on_event(self, event: CallEvent) -> Steps[None]:
        call = self._call
        if isinstance(event, LegEvent) and not self._concerns(call.leg_of(event)):
            return
        match event:
            case Ended() | AckMissing() | Offered() if not self._is_of_a_side(event):
                yield from meanwhile(call, event)  # a seat must never be taken for one of the two
            case Ended() if call.leg_of(event) is call.centre and self._waits_for_successor:
                yield from go_on_alone(call, event)
            case Ended() if call.leg_of(event) is call.centre and self._heir is not None:
                yield from hand_over(call, self._heir, "the centre hung up", bye=False)
            case Ended():
                # Why it ended, and what an application says with it, belong to both sides (RFC 3326, RFC 7433).
                carried = list(plain_headers(event.request, "Reason", "User-to-User").items())
                yield from self._end(f"the {call.leg_of(event).name} hung up", carried)
            case HangupAsked():
                yield from self._end(event.reason)
            case Cancelled() if event.leg in (call.caller.key, call.talk.centre):
                yield RefuseInvite(event.leg, 487)  # it crossed our 200, which was still waiting for resources
                carried = list(plain_headers(event.request, "Reason").items())
                yield from self._end(f"the {call.leg_of(event).name} hung up before our answer was sent", carried)
            case Cancelled() if event.leg == call.pending.newcomer:
                yield from self._reoffers.withdraw(event)
                yield from withdraw_newcomer(call)
            case Asked(ask=RaiseVideo() | DropVideo()):
                yield from self._reoffers.escalation.on_asked(event)
            case Offered() | OfferAccepted() | OfferRefused() | OfferCollided() | OfferWithdrawn():
                yield from self._on_offer(event)
            case Acknowledged() | Refreshed():
                yield from self._on_offer(event)
            case RefreshFailed():
                yield from self._on_refresh_failed(event)
            case AckMissing():
                yield from self._count(call.leg_of(event), event)
            case VoiceCounted():
                yield from self._on_counted(event)
            case TimeUp():
                yield from self._on_time_up(event)
            case _:
                yield from meanwhile(call, event)

    @property
    def _waits_for_successor(self) -> bool:
        """The centre has handed the call on, and need not be there until somebody answers."""
        transfer = self._call.pending.transfer
        return transfer is not None and not transfer.alone

    @property
    def _heir(self) -> Phone | None:
        """The phone that goes on with the caller where the centre hangs up; None where that ends the call."""
        return heir_of(self._call) if self._call.settings.go_on_without_agent else None

    def _concerns(self, leg: LegFacts) -> bool:
        """False for what a leg says that has left the call: it must not be taken for one of the two that talk."""
        consult = self._call.pending.consult
        return self._call.has(leg) or (consult is not None and consult.asked == leg.key)

    def _is_of_a_side(self, event: LegEvent) -> bool:
        call, leg = self._call, self._call.leg_of(event)
        return leg in (call.caller, call.centre, call.newcomer)

    def _on_offer(self, event: ReofferEvent) -> Steps[None]:
        if gone := (yield from self._reoffers.on_event(event)):
            yield from self._end(gone)

    def _on_time_up(self, event: TimeUp) -> Steps[None]:
        match event.alarm.kind:
            case AlarmKind.RESOURCES:
                yield from self._on_no_resources(event.alarm.subject)
            case AlarmKind.REFRESH | AlarmKind.DEAD:
                yield from self._on_session_timer(event.alarm)
            case _:
                if not (yield from self._reoffers.on_time_up(event.alarm)):
                    yield from meanwhile(self._call, event)

    def _end(self, reason: str, carried: Pairs = ()) -> Steps[None]:
        call = self._call
        call.conclude(reason, 200)
        yield Note(reason, kind="state")
        yield RefuseInvite(call.caller.key, 480, reason)  # where its 200 was still waiting
        yield EndDialogs(carried)

    def _on_no_resources(self, name: str) -> Steps[None]:
        """A side's 200 still waits for its resources (RFC 3312 §8); there will be no voice with it."""
        leg = self._call.leg(name)
        if leg is not None and leg in (self._call.caller, self._call.centre):
            yield RefuseInvite(leg.key, 580, "no resources in time")
            yield from self._end(f"the network of the {leg.name} did not get the resources in time")

    # ---- whether a peer is still there ----

    def _count(self, leg: LegFacts, about: VoiceDoubt | None) -> Steps[None]:
        """Something says that a peer is gone: what is done about it depends on whether its voice still comes."""
        yield CountVoice(Side.CALLER if leg is self._call.caller else Side.CENTRE, about)

    def _on_counted(self, event: VoiceCounted) -> Steps[None]:
        call, about = self._call, event.about
        heard = call.talk.voice.note_heard(event.side, event.packets)
        if about is None or (leg := call.leg_of(about)) not in (call.caller, call.centre):
            return
        if isinstance(about, AckMissing):
            yield from self._on_ack_missing(leg, heard)
        elif heard:
            yield from self._on_refused_refresh(about)
        else:
            yield from self._end(f"the {leg.name} no longer answers: {about.status} {about.reason}")

    def _on_ack_missing(self, leg: LegFacts, heard: bool) -> Steps[None]:
        """RFC 3261 §13.3.1.4 would end the session; where voice flows that would harm a call that works."""
        if heard:
            yield Note("our 200 was never acknowledged, but voice flows: the call goes on", leg.name, "alarm")
        else:
            yield from self._end(f"the {leg.name} never acknowledged our answer, and no voice came from it")

    def _on_session_timer(self, alarm: Alarm) -> Steps[None]:
        """Session timers (RFC 4028 §10)."""
        for leg in self._call.sides:
            if leg.name == alarm.subject and alarm.kind is AlarmKind.REFRESH:
                yield from self._reoffers.refresh(leg)
            elif leg.name == alarm.subject:
                yield from self._on_missed_refresh(leg)

    def _on_missed_refresh(self, leg: LegFacts) -> Steps[None]:
        """The peer did not refresh in time. RFC 4028 §10 would send BYE; a voice that flows is not ended for that,
        unless the operator wants it: we refresh ourselves, and what comes of that decides."""
        call = self._call
        if leg.name in call.seats:
            yield SendBye(leg.key)
            yield from leave_call(call, leg, "it did not refresh its session in time")
        elif leg.name in call.talk.phones:
            yield from self._reoffers.refresh(leg)
        elif call.settings.end_on_missed_refresh:
            yield from self._end(f"the {leg.name} did not refresh its session in time")
        else:
            yield Note("no session refresh in time: asking the peer ourselves", leg.name, "alarm")
            yield from self._count(leg, None)  # from here on
            yield from self._reoffers.refresh(leg)

    def _on_refresh_failed(self, event: RefreshFailed) -> Steps[None]:
        """The peer does not know the session any more, or does not answer at all."""
        call, leg = self._call, self._call.leg_of(event)
        if leg.name in call.seats:
            yield SendBye(leg.key)
            yield from leave_call(call, leg, f"its session could not be refreshed: {event.status} {event.reason}")
        elif leg.name in call.talk.phones and event.status in (408, 481):
            yield from lose_phone(call, leg, f"it no longer answers: {event.status} {event.reason}")
        elif event.status in (405, 422, 501):  # it wants another interval, or a re-INVITE
            yield from self._reoffers.refresh(leg)
        elif event.status == 481:
            yield from self._end(f"the {leg.name} no longer answers: {event.status} {event.reason}")
        elif event.status == 408:
            yield from self._count(leg, event)
        else:
            yield from self._on_refused_refresh(event)

    def _on_refused_refresh(self, event: RefreshFailed) -> Steps[None]:
        leg, words = self._call.leg_of(event), f"session refresh failed ({event.status} {event.reason}); voice goes on"
        yield Note(words, leg.name, "alarm")
        yield from refresh_later(leg, _REFRESH_AGAIN_S)


def _guarded(steps: Steps[None], words: str) -> Steps[None]:
    try:
        yield from steps
    except Exception as error:
        yield Log(words, {}, error)
