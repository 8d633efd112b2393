"""What a party tells of itself beside its pictures, such as why none come. In any state of the call, beside the voice.

Pure.
"""

from __future__ import annotations

from splitter.calls.asks import Asked, Denial, PartyAsk, TellCamera
from splitter.calls.parties import Party
from splitter.calls.states import CameraState
from splitter.calls.talk.commands import AnswerAsk, Note, Steps, Tell
from splitter.calls.talk.live import LiveCall

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


def _tell_camera(call: LiveCall, asked: Asked, ask: TellCamera) -> Steps[None]:
    party = _party(call, ask.party)
    if party.camera is not ask.camera:
        party.camera = ask.camera
        yield Note(_WORDS[ask.camera], party.name, "media")
        yield Tell()
    yield AnswerAsk(asked)


def _party(call: LiveCall, name: str) -> Party:
    party = call.talk.parties.get(name)
    if party is None:
        raise Denial(404, "no-such-party", f"nobody in the call is named {name[:40]!r}")
    return party
