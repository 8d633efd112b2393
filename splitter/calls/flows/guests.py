"""Words of people in a call beside voice and video: why no pictures come, messages, a location.

In any state of the call, beside the voice. What is written, and where somebody is, stands in no trace.

Pure.
"""

from __future__ import annotations

from splitter.calls.asks import (
    Asked,
    Denial,
    Join,
    Locate,
    MessagesRead,
    PartyAsk,
    Rate,
    ReadMessages,
    TellCamera,
    TellPhoto,
    Write,
    Written,
)
from splitter.calls.parties import Party
from splitter.calls.states import CameraState, RecordingState
from splitter.calls.talk.aside import ChatSender
from splitter.calls.talk.commands import AnswerAsk, Note, Notify, Steps, Tell
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.recording_commands import NoteInRecord
from splitter.calls.view import ConsentView, rated_words
from splitter.core.uploads import UploadKind
from splitter.media.ports.recording import takes

_WORDS = {
    CameraState.UNKNOWN: "it says nothing of its camera",
    CameraState.STARTING: "its camera is starting",
    CameraState.ON: "its camera is on",
    CameraState.PAUSED: "its user has paused its video",
    CameraState.DENIED: "its browser may not use the camera",
    CameraState.MISSING: "it has no camera",
    CameraState.IN_USE: "another program has its camera",
    CameraState.UNPLUGGED: "its camera was disconnected",
    CameraState.MUTED: "its system has paused the camera",
    CameraState.BLOCKED: "the program that shows its page gives it no camera",
    CameraState.BACKGROUND: "its page is in the background",
    CameraState.FAILED: "its camera cannot be started",
}


def on_party_ask(call: LiveCall, asked: Asked, ask: PartyAsk) -> Steps[None]:
    """Do what a party asks beside its pictures."""
    match ask:
        case TellCamera():
            yield from _tell_camera(call, asked, ask)
        case Write():
            yield from _write(call, asked, ask)
        case ReadMessages():
            found = (one for one in call.talk.aside.messages if one.number > ask.after)
            yield AnswerAsk(asked, MessagesRead(tuple(found)))
        case Locate():
            yield from _locate(call, asked, ask)
        case TellPhoto():
            call.talk.aside.photos = max(call.talk.aside.photos, ask.number)
            if ask.kind is UploadKind.PHOTO:
                yield Notify("photo", f"{ask.party} has sent photo {ask.number} ({ask.width}x{ask.height})", ask.party)
            else:
                yield Notify("file", f"{ask.party} has sent file {ask.number} (PDF, not checked)", ask.party)
            yield Tell()
            yield AnswerAsk(asked)
        case Rate():
            call.talk.aside.rating = ask.stars
            yield Notify("rated", rated_words(ask.stars))
            yield Tell()
            yield AnswerAsk(asked)


def note_consent(call: LiveCall, party: str, ask: Join) -> Steps[None]:
    """Keep to what a guest's user has agreed, once for each text."""
    if ask.consent and call.talk.aside.agree(ConsentView(party, ask.consent, ask.at)):
        yield Note(f"its user has agreed to the text {ask.consent}", party)


def _tell_camera(call: LiveCall, asked: Asked, ask: TellCamera) -> Steps[None]:
    party = _party(call, ask.party)
    if party.camera is not ask.camera:
        party.camera = ask.camera
        yield Note(_WORDS[ask.camera], party.name, "media")
        yield Tell()
    yield AnswerAsk(asked)


def _write(call: LiveCall, asked: Asked, ask: Write) -> Steps[None]:
    message = call.talk.aside.write(ask.at, ask.sender, ask.name, ask.text)
    words = f"{ask.name or ask.party or ask.sender} has written {len(ask.text)} characters"
    yield from _record(call, ask)
    if ask.sender is ChatSender.DESK:
        yield Note(words, ask.party)
    else:
        yield Notify("message", words, ask.party)
    yield Tell()
    yield AnswerAsk(asked, Written(message.number))


def _record(call: LiveCall, ask: Write) -> Steps[None]:
    """A message stands beside the recording, as what is said stands in it; not while that is paused."""
    recording = call.talk.recording
    without = (*call.recorded.exclude, *recording.nothing_of)
    if recording.state is RecordingState.RECORDING and takes(without, ask.party or ask.sender):
        more = {"name": ask.party or ask.sender.value, "title": ask.name, "is": ask.text}
        yield NoteInRecord(recording.id_for(call.talk.call_id), "message", more)


def _locate(call: LiveCall, asked: Asked, ask: Locate) -> Steps[None]:
    before, call.talk.aside.location = call.talk.aside.location, ask.location
    if before is None and ask.location is not None:
        yield Notify("location-shared", "the caller's browser says where it is")
    elif before is not None and ask.location is None:
        yield Notify("location-ended", "the caller's browser no longer says where it is")
    yield Tell()
    yield AnswerAsk(asked)


def _party(call: LiveCall, name: str) -> Party:
    party = call.talk.parties.get(name)
    if party is None:
        raise Denial(404, "no-such-party", f"nobody in the call is named {name[:40]!r}")
    return party
