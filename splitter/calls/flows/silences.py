"""A voice, or the caller's picture, that does not come though it should: noticed while the call lives, and told. Pure.

Who is on hold, or sends no voice by its own word (its RTCP), is silent for a reason; so is a codec that may pause for
as long as nobody speaks. The engine tells of a silence again as it lasts, so what could not be judged when it began is
judged later.
"""

from __future__ import annotations

from splitter.calls.flows.caller_video import PICTURE_LATE, PICTURE_S
from splitter.calls.states import Side, VideoState
from splitter.calls.talk.commands import Count, Counted, Note, Notify, SetAlarm, Steps, Tell
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.view import SilenceView, StrangerView
from splitter.media.ports.events import MediaStarted, PeerClaim, VoiceMissed, VoiceReturned
from splitter.sdp.model import Media, Session

_NEVER_S, _LATER_S = 4.5, 9.5
"""A side that was never heard, and one that was, may be silent for so long."""

_KEPT = 16  # silences of one call
_COMFORT_NOISE = "cn"
_PAUSING = ("g729", "g723", "opus")  # with silence suppression they send nothing for as long as they like


def on_missed(call: LiveCall, event: VoiceMissed) -> Steps[None]:
    """Nothing comes from a side: see whether something should."""
    answered, leg = call.talk.answered_at, call.voice(event.end)
    if answered is None or leg is None or call.talk.silence_of(event.end) is not None:
        return
    begun = max(event.since, answered)
    lasted_s = event.lasted_s - (begun - event.since)
    if lasted_s < (_NEVER_S if event.never else _LATER_S) or not _is_missed(leg, event):
        return
    why = _why(call, event)
    call.talk.silences = [*call.talk.silences, SilenceView(event.end, begun, None, why)][-_KEPT:]
    when = "since the answer" if event.never else "any more"
    yield Note(f"no voice comes from the {event.end} {when}, for {lasted_s:.0f} s: {why}", event.end, "alarm")
    yield Notify("voice-missing", f"no voice comes from the {event.end}: {why}", event.end)
    yield Count(Counted.VOICES_MISSED, event.end.partition("-")[0])
    yield Tell()


def on_returned(call: LiveCall, event: VoiceReturned) -> Steps[None]:
    """A side is heard again."""
    open_one = call.talk.silence_of(event.end)
    if open_one is None:
        return
    until = max(event.at, open_one.since)
    call.talk.end_silence(event.end, until)
    lasted_s = until - open_one.since
    yield Note(f"the voice of the {event.end} comes, after {lasted_s:.0f} s of silence", event.end, "media")
    yield Notify("voice-returned", f"the voice of the {event.end} comes", event.end)
    yield Tell()


def on_started(call: LiveCall, event: MediaStarted) -> Steps[None]:
    """A relay hears somebody for the first time: of a new one, nobody tells that a voice is back."""
    if event.kind == "audio":
        yield from on_returned(call, VoiceReturned(event.call_id, event.end, event.at))


def reconsider(call: LiveCall) -> Steps[None]:
    """Forget the silence of a side that is not to send any more, and wait for a picture that is to come again."""
    for silence in [one for one in call.talk.silences if one.until is None]:
        leg = call.voice(silence.leg)
        if leg is None or not _is_to_send(leg):
            call.talk.silences = [one for one in call.talk.silences if one is not silence]
            yield Note(f"the {silence.leg} is to send no voice now: its silence is no fault", silence.leg, "media")
            yield Tell()
    video = call.talk.video
    if video.excused and (video.view.state is not VideoState.ON or _is_to_send(call.caller, "video")):
        video.excused = False
        if video.view.state is VideoState.ON:
            yield SetAlarm(PICTURE_S, PICTURE_LATE)


def on_picture_late(call: LiveCall) -> Steps[None]:
    """Video was to come for a moment now: see whether some should have. A page tells of its camera itself."""
    leg, video = call.caller, call.talk.video
    if video.view.state is not VideoState.ON or video.sends or leg.record.by_page:
        return
    if not _is_to_send(leg, "video"):
        video.excused = True
        return
    stranger = call.talk.strangers.get((Side.CALLER, "video"))
    why = _from_a_stranger(stranger) if stranger is not None else "its SDP says that it sends"
    yield Note(
        f"no video comes from the caller though it was to come, for {PICTURE_S:.0f} s: {why}", Side.CALLER, "alarm"
    )


def _is_missed(leg: LegFacts, event: VoiceMissed) -> bool:
    """Whether this silence is a fault."""
    if not _is_to_send(leg) or event.claim is PeerClaim.QUIET:
        return False
    return event.never or event.claim is PeerClaim.SENDS or not _may_pause(leg)


def _why(call: LiveCall, event: VoiceMissed) -> str:
    if (stranger := call.talk.strangers.get((event.end, "audio"))) is not None:
        return _from_a_stranger(stranger)
    if event.claim is PeerClaim.SENDS:
        return "by its RTCP it sends, so it is lost on the way: a firewall or a wrong address"
    other = next((side for side in Side if side != event.end and call.talk.silence_of(side) is not None), None)
    if other is not None:
        return f"nor does any from the {other}, and no RTCP"
    return "neither RTP nor RTCP arrives"


def _from_a_stranger(stranger: StrangerView) -> str:
    return f"packets come from an address that its SDP does not name ({stranger.packets} so far)"


# ---- whether a side is to send -----------------------------------------------------------------------------------


def _is_to_send(leg: LegFacts, kind: str = "audio") -> bool:
    """Whether both descriptions in force say that voice, or video, comes from it (RFC 3264 §6.1)."""
    ours, theirs = leg.terms.local, leg.terms.remote
    at = _line(ours, kind)
    if ours is None or theirs is None or at is None or at >= len(theirs.media) or not theirs.media[at].port:
        return False
    return ours.direction_of(at) in ("sendrecv", "recvonly") and theirs.flow_of(at) in ("sendrecv", "sendonly")


def _may_pause(leg: LegFacts) -> bool:
    """Whether what was agreed on may send nothing while nobody speaks: comfort noise (RFC 3389), or a codec's own."""
    ours, theirs = leg.terms.local, leg.terms.remote
    at = _line(ours, "audio")
    if ours is None or theirs is None or at is None or at >= len(theirs.media):
        return False
    agreed = set(ours.media[at].formats)
    names = [codec.name.lower() for codec in theirs.media[at].codecs if str(codec.payload_type) in agreed]
    return _COMFORT_NOISE in names or any(name.startswith(_PAUSING) for name in names[:1])


def _line(session: Session | None, kind: str) -> int | None:
    lines: tuple[Media, ...] = session.media if session is not None else ()
    return next((at for at, line in enumerate(lines) if line.kind == kind and line.port), None)
