"""What recording sessions share, and how far one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from splitter.calls.browsers.switch import Browsers
from splitter.calls.signalling import Signalling
from splitter.calls.siprec.hunt import RecorderWay
from splitter.core.ids import IdSource
from splitter.media.record.protocol import RecorderAsk
from splitter.sip.session_timer import TimerSettings

LEG = "recorder"
"""The name in traces of the dialog with a recorder."""


class RecorderState(StrEnum):
    """How far a session is."""

    WAITING = "waiting"  # for lines, or for the next try
    CALLING = "calling"
    RECORDING = "recording"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SessionParts:
    """What all sessions share.

    Attributes:
        ways: the recorders' servers in the order in which they are tried.
        forward: tells the forwarder something.
        bind: shows the dialog in the trace of its call: the call's id, the SIP Call-ID, our tag.
        said: told the recording, what is the matter in words, and whether it is a fault.
        wanted: told the recording and the line of which a recorder wants a key frame; -1: all.
        host: where media are sent from, as SDP says it.
        note: writes into a trace: the call's id, the leg, the kind, the words.
    """

    driver: Signalling
    ids: IdSource
    wall: Callable[[], float]
    server: str
    host: str
    timers: Callable[[], TimerSettings]
    ways: Callable[[], list[RecorderWay]]
    forward: Callable[[RecorderAsk], None]
    bind: Callable[[str, str, str], None]
    said: Callable[[str, str, bool], None]
    wanted: Callable[[str, int], None]
    browsers: Browsers
    note: Callable[[str, str, str, str], None]
