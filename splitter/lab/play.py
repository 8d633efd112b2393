"""The demo's play from the first ring to the last freed port, and what was measured on the way. Does I/O.

A video call, for a SIP seat and then for a browser's desk; then a voice call that is raised to video. Everything is
judged at the ends: by what the caller heard and saw, the centre was sent and heard, seat and desk saw.
"""

from __future__ import annotations

import asyncio
from typing import Any

from splitter.lab.gateway import udp_ports
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.picture import Plane, difference, luma_of_rgb
from splitter.lab.play_desk import desk_takes_over, raised_to_video
from splitter.lab.rows import (
    AGENT_HZ,
    CALLER_HZ,
    CALLER_ID,
    FRAMES,
    HEARD_S,
    QUEUE_HZ,
    SAME_PICTURE,
    SEAT_ID,
    STEP_LIMIT_S,
    Check,
    Deadline,
    Play,
    Progress,
    pictures,
    until,
)
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.sight import STILL, Sight
from splitter.lab.stage import CALLED, Stage, call_id_in
from splitter.media.slate.slate import Slate

_CLEAN_LIMIT_S = 60.0


async def play_once(stage: Stage, progress: Progress, checks: list[Check]) -> None:
    """Play both calls and add their rows to `checks`. What fails is a row that says so; what can still be tried is."""
    play = Play(stage, progress, checks)
    before = await _live(stage)
    await _video_call(play)
    await raised_to_video(play)
    await _left(play, before)


async def _video_call(play: Play) -> None:
    """A call with audio and video, from the queue to the caller's BYE."""
    handset = await play.stage.handset(HandsetSettings(listen_hz=(QUEUE_HZ, AGENT_HZ)))
    seat = await play.stage.seat(SeatSettings())
    play.progress(f"calling {CALLED}: audio and video from the handset, through the gateway, to the voice centre")
    call = handset.dial(CALLED, play.stage.gateway.access)
    invite = await _early(play, handset)
    try:
        outcome = await call.answered(STEP_LIMIT_S)
        play.row("the centre answers", outcome.accepted, f"{outcome.status} {outcome.reason}; {_responses(handset)}")
    except TimeoutError:
        play.row("the centre answers", False, f"no final answer; {_responses(handset)}")
    if call.state == "confirmed":
        await _conversation(play, handset, seat, invite)
        await desk_takes_over(play, handset)
    await _hangs_up(play, handset)


async def _early(play: Play, handset: Handset) -> dict[str, Any] | None:
    """Until the queue is heard; returns the centre's INVITE event."""
    invite: dict[str, Any] | None = None
    try:
        invite = await play.stage.centre.wait_for("invite", limit_s=STEP_LIMIT_S)
    except TimeoutError:
        pass
    _voice_call_row(play, invite)
    play.progress("in the queue: early media of the centre")
    hearing, over = handset.audio.hearing, ("confirmed", "ended")
    await until(lambda: hearing.seconds(QUEUE_HZ) >= HEARD_S or handset.call.state in over)
    return invite


def _voice_call_row(play: Play, invite: dict[str, Any] | None) -> None:
    name = "the centre was offered voice alone"
    if invite is None:
        play.row(name, False, "no INVITE reached the centre")
        return
    media = "; ".join(f"m={line}" for line in invite["media"])
    play.row(
        name, not invite["video"] and len(invite["media"]) == 1, f"INVITE of {len(invite['raw'])} bytes with {media}"
    )


async def _conversation(play: Play, handset: Handset, seat: Seat, invite: dict[str, Any] | None) -> None:
    """Answered: voices both ways, slate, then the seat comes and goes."""
    hearing, sight = handset.audio.hearing, handset.video.sight
    play.progress("answered: the agent speaks; the caller sees the waiting picture")
    await until(lambda: hearing.seconds(AGENT_HZ) >= HEARD_S and sight.stills >= 2)
    queued, answered = hearing.seconds(QUEUE_HZ) >= HEARD_S, hearing.seconds(AGENT_HZ) >= HEARD_S
    order = hearing.order == (QUEUE_HZ, AGENT_HZ)
    play.row("the caller hears the queue, then the agent", queued and answered and order, f"heard {hearing.in_words()}")
    await _centre_hears(play)
    await _slate_row(play, sight)
    call_id = call_id_in(invite) if invite else None
    if call_id is None:
        play.row("the seat joins", False, "the centre's INVITE named no call id")
        return
    await _seat_comes_and_goes(play, handset, seat, call_id)


async def _slate_row(play: Play, sight: Sight) -> None:
    """The first thing on the caller's screen is a still, and that still is the gateway's slate."""
    name = "the caller sees the waiting picture first"
    if sight.still is None:
        play.row(name, False, f"saw {sight.in_words()}")
        return
    away = await asyncio.to_thread(_away_from_slate, sight.still)
    play.row(
        name,
        sight.scenes[0].what == STILL and sight.black == 0 and away < SAME_PICTURE,
        f"{sight.stills} frames, {away:.1f} of 255 levels away from it as drawn; {sight.black} black frames",
    )


def _away_from_slate(still: Plane) -> float:
    height, width = still.shape
    return difference(still, luma_of_rgb(Slate().picture(width, height)))


async def _centre_hears(play: Play) -> None:
    heard = 0.0
    seconds: dict[str, float] = {}
    deadline = Deadline(STEP_LIMIT_S)
    while heard < HEARD_S and not deadline.passed:
        report = await play.stage.centre.ask("report", do="report")
        seconds = report["calls"][0]["heard"] if report["calls"] else {}
        heard = seconds.get(f"{CALLER_HZ:g}", 0.0)
        await asyncio.sleep(0.1)
    words = ", ".join(f"{tone} Hz {s:.1f} s" for tone, s in seconds.items()) or "nothing"
    play.row("the centre hears the caller", heard >= HEARD_S, f"heard {words}")


async def _seat_comes_and_goes(play: Play, handset: Handset, seat: Seat, call_id: str) -> None:
    play.progress(f"the agent's seat joins call {call_id} with video alone")
    asked_at = seat.clock.now()
    call = seat.join(call_id, play.stage.gateway.desk)
    try:
        outcome = await call.answered(STEP_LIMIT_S)
    except TimeoutError:
        play.row("the seat joins", False, "no answer to its INVITE")
        return
    play.row("the seat joins", outcome.accepted, f"{outcome.status} {outcome.reason}")
    if not outcome.accepted:
        return
    sight, desk = handset.video.sight, seat.video.sight
    await until(lambda: sight.rising(SEAT_ID) >= FRAMES and desk.rising(CALLER_ID) >= FRAMES)
    play.row("the caller sees the agent", *pictures(sight, SEAT_ID))
    play.row("the agent sees the caller", *pictures(desk, CALLER_ID))
    if desk.scenes:
        first_ms = (desk.scenes[0].started_at - asked_at) * 1000
        play.row("no picture was frozen, turned or torn", *_quality(handset, seat, first_ms))
    play.progress("the seat leaves; the call goes on")
    await seat.leave()
    await until(lambda: sight.now_showing == STILL)
    spoken = handset.audio.hearing.seconds(AGENT_HZ)
    await until(lambda: handset.audio.hearing.seconds(AGENT_HZ) >= spoken + HEARD_S)
    goes_on = handset.call.state == "confirmed" and handset.audio.hearing.seconds(AGENT_HZ) >= spoken + HEARD_S
    play.row(
        "the seat leaves, the waiting picture is back, the voice goes on",
        sight.now_showing == STILL and goes_on,
        f"the caller saw {sight.in_words()}",
    )


def _quality(handset: Handset, seat: Seat, first_ms: float) -> tuple[bool, str]:
    """Whatever a person would complain about: counted over both directions."""
    faults: dict[str, int] = {}
    for party in (handset, seat):
        for seen in party.video.sight.senders.values():
            for fault in ("repeated", "backward", "rotated"):
                faults[fault] = faults.get(fault, 0) + int(getattr(seen, fault))
        faults["black"] = faults.get("black", 0) + party.video.sight.black
        faults["undecodable"] = faults.get("undecodable", 0) + party.video.decoder.errors + party.video.decoder.corrupt
        faults["lost packets"] = faults.get("lost packets", 0) + party.video.counts.lost
        faults["backward timestamps"] = faults.get("backward timestamps", 0) + party.video.counts.backward
    worst = ", ".join(f"{count} {fault}" for fault, count in faults.items() if count) or "none"
    delay_ms = max(party.video.sight.worst_delay_ms for party in (handset, seat))
    sources = len(handset.video.counts.sources)
    words = f"faults: {worst}; first picture {first_ms:.0f} ms after joining, at most {delay_ms} ms old, {sources} SSRC"
    return worst == "none" and sources == 1, words


async def _hangs_up(play: Play, handset: Handset) -> None:
    play.progress("the caller hangs up")
    name = "the caller hangs up, the centre's call ends"
    try:
        await handset.hang_up()
        ended = await play.stage.centre.wait_for("ended", limit_s=STEP_LIMIT_S)
        play.row(name, handset.call.state == "ended", f"at the centre: {ended['status']} {ended['reason']}")
    except TimeoutError:
        play.row(name, False, "the centre was not told, or BYE was not answered")


async def _left(play: Play, before: dict[str, int]) -> None:
    """Whatever happened, the centre saw no video, and nothing of the calls stays."""
    play.progress("all have hung up; looking for what is left")
    reoffers = [event for event in play.stage.centre.events if event["event"] == "reinvite"]
    if any(event["video"] for event in reoffers):
        play.row("the centre was never offered video later", False, "a re-INVITE to it held m=video")
    deadline = Deadline(_CLEAN_LIMIT_S)
    left = await _live(play.stage)
    while (more := _more(left, before)) and not deadline.passed:
        await asyncio.sleep(0.1)
        left = await _live(play.stage)
    words = ", ".join(f"{what} {count}" for what, count in left.items())
    play.row("nothing is left of the calls", not more, more or f"the gateway holds {words}, as before them")


def _more(left: dict[str, int], before: dict[str, int]) -> str:
    """What is there that a gateway at rest does not hold; "" for nothing."""
    at_rest = {what: before[what] if what == _SOCKETS else 0 for what in left}
    return ", ".join(
        f"{what} {count} instead of {at_rest[what]}" for what, count in left.items() if count != at_rest[what]
    )


async def _live(stage: Stage) -> dict[str, int]:
    """What the gateway holds now: its own counts, and its open UDP ports as the kernel sees them."""
    status = await stage.gateway.get("/v1/status")
    counts = {name: int(status[name]) for name in _HELD}
    ports = udp_ports(stage.gateway.pid)
    if ports is not None:
        counts[_SOCKETS] = len(ports)
    return counts


# Not transactions: those of UDP rest for 32 s after a call (RFC 3261 §17.1.2.2, §17.2.2: timers D and J).
_SOCKETS = "open UDP sockets"
_HELD = ("calls", "dialogs", "relays", "rooms", "ports", "tasks")


def _responses(handset: Handset) -> str:
    return "the caller got " + ", ".join(
        f"{status}{' with SDP' if described else ''}" for status, described in handset.call.responses
    )
