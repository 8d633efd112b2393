"""What a centre is told of a call beside who calls, from the value of the call. Pure."""

from __future__ import annotations

from splitter.calls.peers.identity import CallerMarks
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


def tell_recorded(
    request: Request, talk: Talk, trunk: Trunk, settings: RecordingSettings, beside: bool = False
) -> None:
    """Add to an INVITE of ours that the call is recorded, or will be from the answer on; only a centre is told.

    Args:
        beside: a phone is called into the call, whose own trunk decides nothing.
    """
    if not settings.tell_centre or trunk.role is not Role.CENTRE:
        return
    if _is_recorded(talk, _trunk_of(talk, talk.centre) if beside else trunk.name, settings):
        request.headers.add("X-Splitter-Recorded", "yes")


def _is_recorded(talk: Talk, route: str, settings: RecordingSettings) -> bool:
    if talk.recording.is_open or talk.recording.chosen:
        return talk.recording.is_open
    trunks = tuple(one for one in (_trunk_of(talk, talk.caller), route) if one)
    return bool(settings.reason_for(trunks, talk.called_number, talk.extension))


def _trunk_of(talk: Talk, key: str) -> str:
    """The trunk of the leg with this key; empty where there is none."""
    return next((leg.trunk for leg in talk.legs.values() if leg.key == key), "")
