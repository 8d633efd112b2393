"""The answered call: it ends when the caller or the centre hangs up, or an operator asks; nothing else ends it."""

from __future__ import annotations

import structlog

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Asked, DropVideo, RaiseVideo
from splitter.calls.audio import CALLER, CENTRE
from splitter.calls.call import Call
from splitter.calls.events import (
    AckMissing,
    Acknowledged,
    AgentNamed,
    CallEvent,
    Cancelled,
    ClientPlaced,
    DigitInserted,
    DigitPressed,
    Ended,
    HangupAsked,
    KeyFrameAsked,
    LegEvent,
    OfferAccepted,
    OfferCollided,
    Offered,
    OfferRefused,
    OfferWithdrawn,
    Overlooked,
    Refreshed,
    RefreshFailed,
    SeatArrived,
    SeatPlaced,
    SeatRestarted,
    ShownAsAsked,
    StillTaken,
    TimeUp,
    VideoCarriedOut,
    VoiceCounted,
    VoiceDoubt,
)
from splitter.calls.flows.binding import on_agent
from splitter.calls.flows.consent import on_unanswered
from splitter.calls.flows.desk import on_ask, on_client_placed, on_shown_as_asked, on_still_taken
from splitter.calls.flows.digits import on_digit_inserted, on_digits_late, pass_digit, pass_waiting
from splitter.calls.flows.moves import move_media, moves_media
from splitter.calls.flows.newcomer import withdraw_newcomer
from splitter.calls.flows.presence import on_room, on_window
from splitter.calls.flows.reoffer import Reoffers
from splitter.calls.flows.seats import join, leave, on_seat, on_seat_placed, on_seat_restarted
from splitter.calls.legs.port import Leg
from splitter.calls.messages import Pairs, plain_headers
from splitter.media.ports.events import (
    KeyFrameWanted,
    MediaStarted,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    StrangerHeard,
    TransportChanged,
)

log = structlog.get_logger(__name__)

_REFRESH_AGAIN_S = 30.0


class Conversation:
    """The flow from the answer to the end."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._reoffers = Reoffers(call)
        self._over = False

    async def run(self, carried_on: bool = False) -> None:
        """Until somebody ends it.

        Args:
            carried_on: it was answered before, by another process.
        """
        if not carried_on:
            self._reoffers.begin()
        pass_waiting(self._call)
        self._reoffers.pump()
        while not self._over:
            self._on(await self._call.next())
            pass_waiting(self._call)
            if not self._over:
                self._reoffers.pump()
        self._reoffers.escalation.close()

    def _on(self, event: CallEvent) -> None:
        call = self._call
        if isinstance(event, LegEvent) and not self._concerns(event):
            return
        match event:
            case Ended() | AckMissing() | Offered() if call.leg_of(event) not in (
                call.caller,
                call.centre,
                call.pending.newcomer,
            ):
                on_media(call, event)  # a seat must never be taken for one of the two
            case Ended():
                self._on_bye(event)
            case HangupAsked():
                self._end(event.reason)
            case Cancelled() if call.leg_of(event) is call.caller:
                call.caller.refuse(487)  # it crossed our 200, which was still waiting for the caller's resources
                carried = list(plain_headers(event.request, "Reason").items())
                self._end("the caller hung up before our answer was sent", carried)
            case Cancelled() if call.leg_of(event) is call.pending.newcomer:
                self._reoffers.on(OfferWithdrawn(event.leg, call.pending.newcomer.first_txn))
                withdraw_newcomer(call)
            case TimeUp(alarm=Alarm(kind=AlarmKind.RESOURCES)):
                self._on_no_resources(event.alarm.subject)
            case Asked(ask=RaiseVideo() | DropVideo()):
                self._reoffers.escalation.on_asked(event)
            case OfferCollided() | Refreshed():
                self._reoffers.on(event)
            case Offered() | OfferAccepted() | OfferRefused() | OfferWithdrawn() | Acknowledged():
                if gone := self._reoffers.on(event):
                    self._end(gone)
            case RefreshFailed():
                self._on_refresh_failed(event)
            case AckMissing():
                self._doubt(event)
            case VoiceCounted():
                self._on_counted(event)
            case _ if moves_media(event, call):
                move_media(call, event)
            case TimeUp(alarm=Alarm(kind=AlarmKind.REFRESH | AlarmKind.DEAD)):
                self._on_session_timer(event.alarm)
            case TimeUp() if self._reoffers.on_time_up(event.alarm):
                pass
            case _:
                on_media(call, event)

    def _concerns(self, event: LegEvent) -> bool:
        """False for what a leg says that has left the call: it must not be taken for one of the two that talk."""
        call, leg = self._call, self._call.leg_of(event)
        asked = call.pending.consult.asked if call.pending.consult is not None else None
        return call.has(leg) or leg is asked

    def _on_bye(self, event: Ended) -> None:
        # Why it ended, and what an application says with it, belong to both sides (RFC 3326, RFC 7433).
        carried = list(plain_headers(event.request, "Reason", "User-to-User").items())
        self._end(f"the {self._call.leg_of(event).name} hung up", carried)

    def _end(self, reason: str, carried: Pairs = ()) -> None:
        call = self._call
        self._over = True
        call.conclude(reason, 200)
        call.note(reason, kind="state")
        call.caller.refuse(480, reason)  # where its 200 was still waiting
        call.end_dialogs(carried)

    def _on_no_resources(self, name: str) -> None:
        """A side's 200 still waits for its resources (RFC 3312 §8); there will be no voice with it."""
        leg = self._call.leg(name)
        if leg is not None and leg in (self._call.caller, self._call.centre):
            leg.refuse(580, "no resources in time")
            self._end(f"the network of the {leg.name} did not get the resources in time")

    def _doubt(self, about: VoiceDoubt) -> None:
        """Something says that a peer is gone: what is done about it depends on whether its voice still comes."""
        self._count(self._call.leg_of(about), about)

    def _count(self, leg: Leg, about: VoiceDoubt | None) -> None:
        self._call.audio.count(CALLER if leg is self._call.caller else CENTRE, about)

    def _on_counted(self, event: VoiceCounted) -> None:
        call, about = self._call, event.about
        heard = call.audio.counted(event)
        if about is None or call.leg_of(about) not in (call.caller, call.centre):
            return
        if isinstance(about, AckMissing):
            self._on_ack_missing(call.leg_of(about), heard)
        elif heard:
            self._on_refused_refresh(about)
        else:
            self._end(f"the {call.leg_of(about).name} no longer answers: {about.status} {about.reason}")

    def _on_ack_missing(self, leg: Leg, heard: bool) -> None:
        """RFC 3261 §13.3.1.4 would end the session; where voice flows that would harm a call that works."""
        if heard:
            self._call.note("our 200 was never acknowledged, but voice flows: the call goes on", leg.name, "alarm")
        else:
            self._end(f"the {leg.name} never acknowledged our answer, and no voice came from it")

    def _on_session_timer(self, alarm: Alarm) -> None:
        """Session timers (RFC 4028 §10)."""
        call = self._call
        for leg in (call.caller, call.centre, *call.seats.values()):
            if leg is not None and leg.name == alarm.subject and alarm.kind is AlarmKind.REFRESH:
                self._reoffers.refresh(leg)
            elif leg is not None and leg.name == alarm.subject:
                self._on_missed_refresh(leg)

    def _on_missed_refresh(self, leg: Leg) -> None:
        """The peer did not refresh in time. RFC 4028 §10 would send BYE; a voice that flows is not ended for that,
        unless the operator wants it: we refresh ourselves, and what comes of that decides."""
        call = self._call
        if leg.name in call.seats:
            leg.bye()
            leave(call, leg, "it did not refresh its session in time")
        elif call.services.settings.end_on_missed_refresh:
            self._end(f"the {leg.name} did not refresh its session in time")
        else:
            call.note("no session refresh in time: asking the peer ourselves", leg.name, "alarm")
            self._count(leg, None)  # from here on
            self._reoffers.refresh(leg)

    def _on_refresh_failed(self, event: RefreshFailed) -> None:
        """The peer does not know the session any more, or does not answer at all."""
        call, leg = self._call, self._call.leg_of(event)
        if leg.name in call.seats:
            leg.bye()
            leave(call, leg, f"its session could not be refreshed: {event.status} {event.reason}")
        elif event.status in (405, 422, 501):  # it wants another interval, or a re-INVITE
            self._reoffers.refresh(leg)
        elif event.status == 481:
            self._end(f"the {leg.name} no longer answers: {event.status} {event.reason}")
        elif event.status == 408:
            self._doubt(event)
        else:
            self._on_refused_refresh(event)

    def _on_refused_refresh(self, event: RefreshFailed) -> None:
        leg, words = self._call.leg_of(event), f"session refresh failed ({event.status} {event.reason}); voice goes on"
        self._call.note(words, leg.name, "alarm")
        leg.timer.again(_REFRESH_AGAIN_S)


def on_media(call: Call, event: CallEvent) -> None:
    """What may happen in any state of a call and changes nothing but the picture: what goes wrong must not end it."""
    try:
        _on_media(call, event)
    except Exception:
        log.exception("an event of the picture failed", call_id=call.talk.call_id, event_type=type(event).__name__)


def _on_media(call: Call, event: CallEvent) -> None:
    match event:
        case SeatArrived():
            join(call, event)
        case Ended() | AckMissing() | Offered() if call.leg_of(event).name in call.seats:
            on_seat(call, event)
        case Cancelled() if call.leg_of(event).name in call.pending.arriving:
            on_seat(call, event)
        case Asked():
            on_ask(call, event)
        case SeatPlaced():
            on_seat_placed(call, event)
        case SeatRestarted():
            on_seat_restarted(call, event)
        case ClientPlaced():
            on_client_placed(call, event)
        case ShownAsAsked():
            on_shown_as_asked(call, event)
        case StillTaken():
            on_still_taken(call, event)
        case VideoCarriedOut():
            if event.caller_changed:
                call.tell()
        case DigitInserted():
            on_digit_inserted(call, event)
        case AgentNamed():
            on_agent(call, event)
        case TimeUp(alarm=Alarm(kind=AlarmKind.RING_AGAIN)):
            call.caller.ring_again()
        case TimeUp(alarm=Alarm(kind=AlarmKind.REJOIN)):
            on_window(call, event.alarm.subject)
        case TimeUp(alarm=Alarm(kind=AlarmKind.ADMISSION)):
            on_unanswered(call, event.alarm.subject)
        case Overlooked():
            call.note(f"overlooked: {event.words}", call.leg_of(event).name)
        case KeyFrameAsked():
            call.want_key_frame(call.leg_of(event).name)
        case DigitPressed():
            pass_digit(call, event)
        case TimeUp(alarm=Alarm(kind=AlarmKind.DIGITS)):
            on_digits_late(call)
        case KeyFrameWanted():
            leg = call.caller if event.participant == "caller" else call.seats.get(event.participant)
            if leg is not None and leg.ask_key_frame():
                call.note("asked for a key frame by INFO: no RTCP feedback was negotiated", leg.name, "media")
        case TransportChanged() | MediaStarted() | StrangerHeard() | PictureStopped() | SourceShown() | SourceUnfit():
            on_room(call, event)
        case _:
            pass  # an event of a leg or a worker that this call has already let go
