"""Events of any state of a call, beside its set-up and its voice: media move, desks ask, seats come and go.

Pure.
"""

from __future__ import annotations

from splitter.calls.alarms import AlarmKind
from splitter.calls.asks import Asked
from splitter.calls.events import (
    AgentNamed,
    CallEvent,
    ClientPlaced,
    ClientRestarted,
    DigitInserted,
    DigitPassed,
    MosaicSet,
    PhonePlaced,
    RecordedElsewhere,
    RecorderBack,
    RecorderSaid,
    RecordingTrouble,
    SeatArrived,
    SeatPlaced,
    SeatRestarted,
    ShowFailed,
    ShownAsAsked,
    StillTaken,
    StreamsOpened,
    TapSet,
    TimeUp,
    VideoCarriedOut,
)
from splitter.calls.flows.binding import on_agent
from splitter.calls.flows.consent import on_unanswered
from splitter.calls.flows.desk import (
    on_ask,
    on_client_placed,
    on_client_restarted,
    on_show_failed,
    on_shown_as_asked,
    on_still_taken,
)
from splitter.calls.flows.digits import on_digit_inserted, on_digit_passed, on_digits_late, pass_digit
from splitter.calls.flows.mosaic import on_mosaic_alarm, on_mosaic_lost, on_mosaic_set
from splitter.calls.flows.moves import move_media
from splitter.calls.flows.phone_questions import on_alarm
from splitter.calls.flows.phone_way import on_answered, on_phone_late, on_phone_placed, on_rang, on_refused
from splitter.calls.flows.phones import on_phone
from splitter.calls.flows.presence import on_room, on_window
from splitter.calls.flows.recording import on_recorder, on_tap_again
from splitter.calls.flows.seats import join_seat, on_seat, on_seat_placed, on_seat_restarted
from splitter.calls.flows.silences import on_missed, on_picture_late, on_returned
from splitter.calls.flows.strangers import on_doubted_keys
from splitter.calls.flows.streams import on_streams_opened
from splitter.calls.flows.transfers import note_named, on_referred, on_successor, on_transfer_late
from splitter.calls.flows.transfers import on_answered as on_successor_answered
from splitter.calls.flows.transfers import on_rang as on_successor_rang
from splitter.calls.flows.transfers import on_refused as on_successor_refused
from splitter.calls.leg_events import (
    AckMissing,
    Answered,
    Cancelled,
    DigitPressed,
    Ended,
    KeyFrameAsked,
    Offered,
    Overlooked,
    Rang,
    Referred,
    Refused,
)
from splitter.calls.talk.commands import AskKeyFrame, Log, Note, RingAgain, Steps, Tell
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import WantKeyFrame
from splitter.media.ports.events import (
    EnginePassedOver,
    KeyFrameWanted,
    KeysDoubted,
    MediaStarted,
    MosaicLost,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    SpeakerChanged,
    StrangerHeard,
    TransportChanged,
    VoiceMissed,
    VoiceOffloaded,
    VoiceReturned,
)


def meanwhile(call: LiveCall, event: CallEvent) -> Steps[None]:
    """Take in what concerns neither the set-up nor an offer of the two that talk."""
    if (yield from move_media(call, event)):
        return
    try:
        yield from _beside_the_voice(call, event)
    except Exception as error:  # what goes wrong with the picture must not end the call
        yield Log("an event of the picture failed", {"event_type": type(event).__name__}, error)


def _beside_the_voice(call: LiveCall, event: CallEvent) -> Steps[None]:
    match event:
        case Asked():
            yield from on_ask(call, event)
        case TimeUp():
            yield from _on_time_up(call, event)
        case Rang():
            yield from on_rang(call, event)
            yield from on_successor_rang(call, event)
        case Answered():
            yield from on_answered(call, event)
            yield from on_successor_answered(call, event)
        case Refused():
            yield from on_refused(call, event)
            yield from on_successor_refused(call, event)
        case Referred():
            yield from on_referred(call, event)
        case AgentNamed():
            note_named(call, event)
            yield from on_agent(call, event)
        case Overlooked():
            yield Note(f"overlooked: {event.words}", call.leg_of(event).name)
        case DigitPressed():
            yield from pass_digit(call, event)
        case DigitPassed():
            yield from on_digit_passed(call, event)
        case DigitInserted():
            yield from on_digit_inserted(call, event)
        case SeatArrived() | SeatPlaced() | SeatRestarted() | Ended() | AckMissing() | Offered() | Cancelled():
            yield from _on_seat(call, event)
        case PhonePlaced():
            yield from on_phone_placed(call, event)
        case ClientPlaced():
            yield from on_client_placed(call, event)
        case ClientRestarted():
            yield from on_client_restarted(call, event)
        case StreamsOpened():
            yield from on_streams_opened(call, event)
        case ShownAsAsked():
            yield from on_shown_as_asked(call, event)
        case ShowFailed():
            yield from on_show_failed(call, event)
        case MosaicSet():
            yield from on_mosaic_set(call, event)
        case MosaicLost():
            yield from on_mosaic_lost(call, event.reason)
        case StillTaken():
            yield from on_still_taken(call, event)
        case RecorderSaid() | RecordingTrouble() | RecorderBack() | TapSet() | RecordedElsewhere():
            yield from on_recorder(call, event)
        case VideoCarriedOut():
            if event.caller_changed:
                yield Tell()
        case KeyFrameAsked():
            yield WantKeyFrame(call.leg_of(event).name)
        case KeyFrameWanted():
            yield from _on_key_frame_wanted(call, event)
        case EnginePassedOver():
            yield Note(f"the voice is for another engine: {event.reason}", kind="alarm")
        case KeysDoubted():
            yield from on_doubted_keys(call, event)
        case VoiceOffloaded(in_kernel=True):
            yield Note("the kernel forwards the voice", kind="media")
        case VoiceOffloaded():
            kind = "alarm" if event.fault else "media"
            yield Note(f"the media worker forwards the voice, and not the kernel: {event.reason}", kind=kind)
        case VoiceMissed():
            yield from on_missed(call, event)
        case VoiceReturned():
            yield from on_returned(call, event)
        case (
            TransportChanged()
            | SpeakerChanged()
            | MediaStarted()
            | StrangerHeard()
            | PictureStopped()
            | SourceShown()
            | SourceUnfit()
        ):
            yield from on_room(call, event)
        case _:
            pass  # an event of a leg or a worker that this call has already let go


def _on_seat(
    call: LiveCall, event: SeatArrived | SeatPlaced | SeatRestarted | Ended | AckMissing | Offered | Cancelled
) -> Steps[None]:
    match event:
        case SeatArrived():
            yield from join_seat(call, event)
        case SeatPlaced():
            yield from on_seat_placed(call, event)
        case SeatRestarted():
            yield from on_seat_restarted(call, event)
        case Ended() | AckMissing() | Offered() if call.leg_of(event).name in call.talk.seats:
            yield from on_seat(call, event)
        case Cancelled() if event.leg in call.pending.arriving:
            yield from on_seat(call, event)
        case Ended() | AckMissing() | Offered() if call.leg_of(event).name in call.talk.phones:
            yield from on_phone(call, event)
        case Ended() | AckMissing() | Offered():
            yield from on_successor(call, event)
        case _:
            pass


def _on_time_up(call: LiveCall, event: TimeUp) -> Steps[None]:
    match event.alarm.kind:
        case AlarmKind.RING_AGAIN:
            yield RingAgain()
        case AlarmKind.REJOIN:
            yield from on_window(call, event.alarm.subject)
        case AlarmKind.ADMISSION:
            yield from on_unanswered(call, event.alarm.subject)
        case AlarmKind.DIGITS:
            yield from on_digits_late(call)
        case AlarmKind.MOSAIC:
            yield from on_mosaic_alarm(call, event.alarm)
        case AlarmKind.PHONE:
            yield from on_phone_late(call, event)
        case AlarmKind.PHONE_VIDEO:
            yield from on_alarm(call, event.alarm.subject)
        case AlarmKind.TRANSFER:
            yield from on_transfer_late(call)
        case AlarmKind.PICTURE:
            yield from on_picture_late(call)
        case AlarmKind.TAP:
            yield from on_tap_again(call)
        case _:
            pass


def _on_key_frame_wanted(call: LiveCall, event: KeyFrameWanted) -> Steps[None]:
    leg = call.leg(event.participant)
    if leg is not None and (yield from AskKeyFrame(leg.key)):
        yield Note("asked for a key frame by INFO: no RTCP feedback was negotiated", leg.name, "media")
