"""The recording of a call: begun by the configuration or by people, paused, ended, and taken up again. Pure.

The value says what is wanted; after each event `advance` asks for whatever is not so yet: first the recorder, and once
that has said yes, the relay and the room. So whatever moves, dies or comes anew is recorded again, and nothing here can
hold up or end the call.
"""

from __future__ import annotations

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Asked, Denial, ForkCall, RecordCall
from splitter.calls.events import (
    RecordedElsewhere,
    RecorderBack,
    RecorderSaid,
    RecordingEvent,
    RecordingTrouble,
    TapSet,
)
from splitter.calls.states import CallState, ForkWish, RecordingAction, RecordingState
from splitter.calls.talk.commands import AnswerAsk, Count, Counted, DenyAsk, Note, Notify, SetAlarm, Steps, Tell
from splitter.calls.talk.left_out import keep_out, names
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.pending import RecordedAs
from splitter.calls.talk.recording import Recording
from splitter.calls.talk.recording_commands import EndRecord, SayRecord, SetTap
from splitter.core.pauses import doubled_s

_AGAIN = Alarm(AlarmKind.TAP)
_AGAIN_S, _LAST_AGAIN_S = 2.0, 60.0
_DONE = {
    RecordingAction.START: "recording has begun",
    RecordingAction.PAUSE: "recording is paused",
    RecordingAction.RESUME: "recording goes on",
    RecordingAction.STOP: "recording has ended",
}


def on_record(call: LiveCall, asked: Asked, ask: RecordCall) -> Steps[None]:
    """Somebody begins, pauses, resumes or ends it. Raises Denial."""
    recording = call.talk.recording
    if call.talk.state is not CallState.CONNECTED:
        raise Denial(409, "not-connected", "the call is not answered yet")
    if ask.action is RecordingAction.START:
        if recording.is_open:
            raise Denial(409, "recording-already", f"the call is {recording.state} already")
        if not call.can_record:
            raise Denial(409, "no-recording", "recording is not configured here")
        if recording.state is RecordingState.STOPPED:  # the recorder may begin that one again, and would never end it
            yield EndRecord(recording.id_for(call.talk.call_id), recording.reason)
        _open(recording, f"begun by {ask.by}")
        recording.chosen = True
    elif not recording.is_open:
        raise Denial(409, "not-recording", "the call is not being recorded")
    elif ask.action is RecordingAction.STOP:
        if recording.by_rule and not ask.may_end:
            raise Denial(403, "by-rule", "the configuration wants this call recorded: only an operator ends that")
        yield EndRecord(recording.id_for(call.talk.call_id), f"ended by {ask.by}")
        recording.state, recording.chosen, recording.by_rule = RecordingState.OFF, True, False
        asks, call.pending.recorder_asks, call.pending.recorder_asked = call.pending.recorder_asks, [], None
        for other in asks:
            yield DenyAsk(other, 409, "not-recording", f"the recording was ended by {ask.by} meanwhile")
    elif ask.action is RecordingAction.PAUSE:
        recording.state = RecordingState.PAUSED
    else:
        recording.state = RecordingState.RECORDING
    recording.reason = f"{ask.action} by {ask.by}"
    without = _but_for(call) if ask.action is RecordingAction.START else ""
    yield Note(f"{_DONE[ask.action]}: {ask.by}{without}", kind="state")
    yield Tell()
    if ask.action is RecordingAction.STOP or _is_done(call):
        yield AnswerAsk(asked, written=True)
    else:
        call.pending.recorder_asks.append(asked)
        call.pending.recorder_asked = None  # it may have been asked for, and refused
    yield from advance(call)


def on_fork(call: LiveCall, asked: Asked, ask: ForkCall) -> Steps[None]:
    """Somebody wants a call forked, or not, or as the configuration says. Raises Denial."""
    recording = call.talk.recording
    if not call.recorded.forked:
        raise Denial(409, "no-fork", "nobody listens here: see [fork] url")
    if not call.recorded.elsewhere_too:
        raise Denial(409, "fork-alone", "all that is recorded goes to who listens: begin or end the recording instead")
    if ask.wish is ForkWish.ON and not recording.is_open:
        raise Denial(409, "not-recording", "the call is not being recorded: a fork is a part of that")
    recording.fork = ask.wish
    yield Note(f"fork: {ask.wish}, by {ask.by}", kind="state")
    yield Tell()
    yield AnswerAsk(asked, written=True)


def _is_done(call: LiveCall) -> bool:
    """Whether the recorder has said that it is as it is wanted: it will not say so again."""
    return _wanted(call) == call.pending.recorder_asked == call.pending.recorder_has


def _wanted(call: LiveCall) -> RecordedAs:
    recording = call.talk.recording
    return recording.id_for(call.talk.call_id), recording.state, recording.nothing_of


def may_record(call: LiveCall) -> bool:
    """False where nothing is to be recorded or left out, nor ever was: then there is nothing to advance."""
    recording, pending = call.talk.recording, call.pending
    asked = recording.number or recording.left_out or recording.nothing_of
    return bool(call.recorded.possible or asked or pending.tapped or pending.leaving_out)


def advance(call: LiveCall) -> Steps[None]:
    """Ask for what is wanted and not so yet."""
    recording, pending = call.talk.recording, call.pending
    yield from _by_rule(call, recording)
    yield from _follow_left_out(call)
    wanted = _wanted(call)
    if recording.is_open and pending.recorder_asked != wanted:
        pending.recorder_asked = wanted
        yield SayRecord(*wanted)
    has = pending.recorder_has
    runs = recording.state is RecordingState.RECORDING and has is not None and has[:2] == wanted[:2]
    yield from _set_taps(call, (wanted[0], wanted[2]) if runs else ("", ()))
    yield from _answer_left_out(call)


def _follow_left_out(call: LiveCall) -> Steps[None]:
    """Whoever is left out may come again under another name, or take somebody's place."""
    talk = call.talk
    if not talk.recording.left_out and not talk.recording.nothing_of:
        return
    keep_out(talk)
    if (now := names(talk, talk.recording.left_out)) != talk.recording.nothing_of:
        talk.recording.nothing_of = now
        yield Tell()


def _answer_left_out(call: LiveCall) -> Steps[None]:
    """Say that nothing of somebody is recorded any longer, once no copy is on its way."""
    pending = call.pending
    copied = any(recording for recording, _ in pending.tapped.values())
    if pending.leaving_out and not pending.tapping and not (copied and pending.recorder_has != _wanted(call)):
        asks, pending.leaving_out = pending.leaving_out, []
        for asked in asks:
            yield AnswerAsk(asked, written=True)


def _by_rule(call: LiveCall, recording: Recording) -> Steps[None]:
    """Begin what the configuration wants recorded."""
    if recording.state is not RecordingState.OFF or recording.chosen or call.talk.state is not CallState.CONNECTED:
        return
    if reason := call.recorded_by_rule():
        _open(recording, reason)
        recording.by_rule = True
        yield Note(f"recording has begun: {reason}{_but_for(call)}", kind="state")
        yield Tell()


def _but_for(call: LiveCall) -> str:
    """Of whom nothing is recorded, in words."""
    return f"; nothing of: {', '.join(call.recorded.exclude)}" if call.recorded.exclude else ""


def _open(recording: Recording, reason: str) -> None:
    recording.state, recording.reason = RecordingState.RECORDING, reason
    recording.number += 1
    recording.elsewhere = ""


def _set_taps(call: LiveCall, wish: tuple[str, tuple[str, ...]]) -> Steps[None]:
    tapped, relay, room = call.pending.tapped, call.talk.voice.relay, call.talk.room.room
    present = {one for one in (relay and relay.relay_id, room and room.room_id) if one}
    for gone in tapped.keys() - present:
        del tapped[gone]
        call.pending.tap_faults.pop(gone, None)
        call.pending.tapping.discard(gone)
    for media in sorted(present):
        if tapped.get(media, ("", ())) != wish:
            tapped[media] = wish
            call.pending.tapping.add(media)
            yield SetTap(media, *wish)


def on_recorder(call: LiveCall, event: RecordingEvent) -> Steps[None]:
    """The recorder, or a tap, has said how it is."""
    match event:
        case RecorderSaid():
            yield from _on_said(call, event)
        case RecordingTrouble():
            if event.recording in ("", call.talk.recording.id_for(call.talk.call_id)) and call.talk.recording.is_open:
                yield from _stop(call, event.reason)
        case RecorderBack():
            recording = call.talk.recording
            call.pending.recorder_asked = call.pending.recorder_has = None
            if recording.state is RecordingState.STOPPED:
                yield from _go_on(recording)
        case RecordedElsewhere() if event.recording == call.talk.recording.id_for(call.talk.call_id):
            yield from _on_elsewhere(call, event)
        case TapSet() if call.pending.tapped.get(event.media_id) == (event.recording, event.left_out):
            yield from _on_tap(call, event)


def _on_elsewhere(call: LiveCall, event: RecordedElsewhere) -> Steps[None]:
    """Take in what a recorder of somebody else's does; where nothing else records, that decides."""
    recording = call.talk.recording
    stops = event.alone and event.fault and recording.state is RecordingState.RECORDING
    if recording.state is RecordingState.OFF or (recording.elsewhere == event.words and not stops):
        return
    recording.elsewhere = event.words
    if not event.fault:
        yield Note(event.words, kind="state")
        if event.alone and recording.state is RecordingState.STOPPED:
            yield from _go_on(recording)
    elif stops:
        yield from _stop(call, event.words)
    elif not event.alone:
        yield Note(f"not recorded elsewhere: {event.words}", kind="alarm")
        yield Notify("recording-incomplete", f"a recorder does not record this call: {event.words}")
    yield Tell()


def _on_tap(call: LiveCall, event: TapSet) -> Steps[None]:
    faults = call.pending.tap_faults
    call.pending.tapping.discard(event.media_id)
    before = faults.pop(event.media_id, None)
    if not event.fault or not event.recording:
        yield from _answer_left_out(call)
        return
    asks, call.pending.leaving_out = call.pending.leaving_out, []
    for asked in asks:
        yield DenyAsk(asked, 503, "no-recorder", f"it is tried again: {event.fault}")
    tries = before[1] + 1 if before is not None else 0
    faults[event.media_id] = (event.fault, tries)
    if before is None or before[0] != event.fault:
        yield Note(f"{event.media_id} is not recorded: {event.fault}", kind="alarm")
        yield Notify("recording-incomplete", f"a part of this call is not recorded: {event.fault}")
    yield SetAlarm(doubled_s(_AGAIN_S, _LAST_AGAIN_S, tries), _AGAIN)


def on_tap_again(call: LiveCall) -> Steps[None]:
    """Try taps anew that could not be set, and a recording that the recorder did not begin."""
    recording, pending = call.talk.recording, call.pending
    for media_id in pending.tap_faults:
        pending.tapped.pop(media_id, None)
    if recording.state is RecordingState.STOPPED:
        id, _, left_out = _wanted(call)
        pending.recorder_asked = (id, RecordingState.RECORDING, left_out)
        yield SayRecord(*pending.recorder_asked)
    yield from advance(call)


def _on_said(call: LiveCall, event: RecorderSaid) -> Steps[None]:
    pending, recording = call.pending, call.talk.recording
    if pending.recorder_asked != (event.recording, event.state, event.left_out):
        return  # something else was wanted meanwhile
    if event.fault:
        yield from _deny(call, event.fault)
        if recording.state is not RecordingState.STOPPED:
            yield from _stop(call, event.fault)
        if recording.state is RecordingState.STOPPED:
            yield SetAlarm(doubled_s(_AGAIN_S, _LAST_AGAIN_S, pending.recorder_tries), _AGAIN)
            pending.recorder_tries += 1
        yield from _answer_left_out(call)
        return
    if recording.state is RecordingState.STOPPED:
        yield from _go_on(recording)
    pending.recorder_has, pending.recorder_tries = pending.recorder_asked, 0
    asks, pending.recorder_asks = pending.recorder_asks, []
    for asked in asks:
        yield AnswerAsk(asked, written=True)
    if recording.state is RecordingState.RECORDING:
        yield from advance(call)
    yield from _answer_left_out(call)


def _deny(call: LiveCall, reason: str) -> Steps[None]:
    asks, call.pending.recorder_asks = call.pending.recorder_asks, []
    for asked in asks:
        yield DenyAsk(asked, 503, "no-recorder", reason)


def _go_on(recording: Recording) -> Steps[None]:
    """Begin again a recording that had stopped."""
    recording.state, recording.reason = RecordingState.RECORDING, "the recorder is back"
    yield Note("recording goes on: the recorder is back", kind="state")
    yield Notify("recording-goes-on", "recording goes on")
    yield Tell()


def _stop(call: LiveCall, reason: str) -> Steps[None]:
    """A fault ends it; whoever is at the desk must know before saying another word."""
    recording = call.talk.recording
    if recording.state is RecordingState.PAUSED:
        return  # nothing is lost yet: it fails, or not, when it is to go on
    recording.state, recording.reason = RecordingState.STOPPED, reason
    call.pending.recorder_asked = call.pending.recorder_has = None  # a late yes is of before
    yield from _deny(call, reason)
    yield Note(f"recording has stopped: {reason}", kind="alarm")
    yield Count(Counted.RECORDINGS_STOPPED)
    yield Notify("recording-stopped", f"this call is no longer recorded: {reason}")
    yield Tell()
