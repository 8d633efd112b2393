"""What a centre is told of a caller beside who it is, from the value of a call. Pure."""

from __future__ import annotations

from splitter.calls.identity import CallerMarks
from splitter.calls.states import Direction
from splitter.calls.talk.state import Talk


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
