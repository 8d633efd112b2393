"""The caller's video as it stands: whether it runs, the line that we would offer for it, what desks are shown of it.

Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.states import Side, VideoState
from splitter.calls.talk.commands import SetAlarm, Steps, Tell
from splitter.calls.talk.live import LiveCall
from splitter.core.errors import PeerError
from splitter.sdp.model import Media
from splitter.sdp.upgrade import new_line, video_slot
from splitter.sdp.video import offer_video

PICTURE_S = 5.0  # video that was agreed on should come within
PICTURE_LATE = Alarm(AlarmKind.PICTURE)


def video_runs(call: LiveCall) -> bool:
    """True if video is on in what both sides said last."""
    plan, terms = call.talk.plan, call.caller.terms
    if plan is None or terms.local is None or terms.remote is None or (index := plan.video) is None:
        return False
    lines = (terms.local.media[index : index + 1], terms.remote.media[index : index + 1])
    return all(found and found[0].port for found in lines)


def remember_line(call: LiveCall) -> None:
    """Keep our line while video runs: the next offer of video repeats it."""
    plan, local, video = call.talk.plan, call.caller.terms.local, call.talk.video
    if video_runs(call) and plan is not None and local is not None:
        video.index = plan.video
        video.line = local.media[video.index] if video.index is not None else None


def line_to_offer(call: LiveCall) -> tuple[int, Media]:
    """Where a line of video goes in our next offer, and the line.

    Raises:
        PeerError: 503 where there is no room for it.
    """
    terms, video, here = call.caller.terms, call.talk.video, call.talk.room.ours(Side.CALLER)
    if here is None or terms.local is None or terms.remote is None:
        raise PeerError(call.talk.room.lack.words, 503)
    index = video_slot(terms.local, terms.remote, video.index)
    if video.line is not None and video.index == index:
        return index, offer_video(video.line, here)
    return index, new_line(index, here, call.settings.bitrate_kbps, terms.history, terms.heard)


def show_video(
    call: LiveCall,
    state: VideoState,
    outcome: str | None = None,
    reason: str | None = None,
    supported: bool | None = None,
) -> Steps[None]:
    """Keep what desks are shown of the caller's video; None leaves a field as it is."""
    before = call.talk.video.view
    outcome = before.outcome if outcome is None else outcome
    reason = before.reason if reason is None else reason
    supported = before.supported if supported is None else supported
    if (state, outcome, reason, supported) != (before.state, before.outcome, before.reason, before.supported):
        call.talk.video.view = replace(before, state=state, outcome=outcome, reason=reason, supported=supported)
        if state is VideoState.ON and before.state is not VideoState.ON and not call.talk.video.sends:
            yield SetAlarm(PICTURE_S, PICTURE_LATE)
        yield Tell()
