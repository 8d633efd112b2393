"""What a centre is told of a call beside who calls, from the value of the call. Pure."""

from __future__ import annotations

from splitter.calls.identity import CallerMarks
from splitter.calls.settings import Role, Trunk
from splitter.calls.states import Direction
from splitter.calls.talk.state import Talk
from splitter.media.record.settings import RecordingSettings
from splitter.sip.message import Request


def marks_of(talk: Talk) -> CallerMarks | None:
    """Sum up this call's caller for the centre; None where that one calls outwards."""
    if talk.direction is Direction.OUT:
        return None
    record = talk.legs.get(talk.near)
    browser = record.browser if record is not None else None
    video = talk.plan is not None and talk.plan.video is not None
    if browser is None:
        return CallerMarks(video=video or bool(talk.facts.video_capable))
    return CallerMarks(True, video, browser.language, browser.customer)


def tell_recorded(request: Request, talk: Talk, trunk: Trunk, settings: RecordingSettings) -> None:
    """Add to an INVITE of ours that the call is recorded, or will be from the answer on; only a centre is told."""
    if settings.tell_centre and trunk.role is Role.CENTRE and _is_recorded(talk, trunk, settings):
        request.headers.add("X-Splitter-Recorded", "yes")


def _is_recorded(talk: Talk, trunk: Trunk, settings: RecordingSettings) -> bool:
    if talk.recording.is_open or talk.recording.chosen:
        return talk.recording.is_open
    caller = talk.legs.get(talk.caller)
    trunks = (*((caller.trunk,) if caller is not None else ()), trunk.name)
    return bool(settings.reason_for(trunks, talk.called_number, talk.extension))
