"""The view that a browser has of its own call. The newest is the whole truth: nobody adds up changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WebState(StrEnum):
    """How far a web caller's call is."""

    CONNECTING = "connecting"  # its transport is on its way; nobody was called yet
    CALLING = "calling"
    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"


class WebCamera(StrEnum):
    """Whether a web caller shows pictures."""

    OFF = "off"
    ASKED = "asked"  # the agent would like to see something
    ON = "on"


@dataclass(frozen=True, slots=True)
class WebCallView:
    """A web caller's call, as its browser is shown it.

    Attributes:
        reason: why it has ended: "hung-up", "busy", "no-answer", "refused", "unreachable", "lost", "restarted".
        held: the other side does not listen now.
        recorded: the call is recorded, just now.
        messages: how many were written in the call.
        path: whether sound comes and goes: "ok", or "lost": then the browser is to come by a new offer.
        client: the tab that has it; others let it be.
        answer: our SDP answer to its last offer, as it is to be applied now. answers: counts its changes.
    """

    call_id: str
    state: WebState = WebState.CONNECTING
    reason: str = ""
    held: bool = False
    camera: WebCamera = WebCamera.OFF
    path: str = "ok"
    answer: str = ""
    answers: int = 0
    client: str = ""
    recorded: bool = False
    messages: int = 0
