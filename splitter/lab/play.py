"""One call of the demo from the first ring to the last freed port, and what was measured on the way. Does I/O.

Everything is judged at the ends: by what the caller heard and saw, the centre was sent and heard, the seat saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from splitter.core.clock import SystemClock
from splitter.lab.gateway import udp_ports
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.picture import Plane, difference, luma_of_rgb
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.sight import STILL, Sight
from splitter.lab.stage import CALLED, Stage, call_id_in
from splitter.media.slate.slate import Slate

QUEUE_HZ, AGENT_HZ, CALLER_HZ = 440.0, 660.0, 1000.0
CALLER_ID, SEAT_ID = 1, 7

_HEARD_S = 0.4
_FRAMES = 10
_SAME_PICTURE = 6.0  # mean difference of levels; coding alone makes 1 or 2
_STEP_LIMIT_S = 6.0
_CLEAN_LIMIT_S = 6.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table. `detail`: what was measured, in plain words."""

    name: str
    ok: bool
    detail: str


@dataclass(slots=True)
class Play:
    """A call under way, and the rows that it has earned so far."""

    stage: Stage
    progress: Progress
    checks: list[Check]

    def row(self, name: str, ok: bool, detail: str) -> None:
        """Add one row."""
        self.checks.append(Check(name, ok, detail))


async def play_once(stage: Stage, progress: Progress, checks: list[Check]) -> None:
    """Play one call and add its rows to `checks`. What fails is a row that says so; what can still be tried is."""
    play = Play(stage, progress, checks)
    before = await _live(stage)
    handset = await stage.handset(HandsetSettings(listen_hz=(QUEUE_HZ, AGENT_HZ)))
    seat = await stage.seat(SeatSettings())
    progress(f"calling {CALLED}: audio and video from the handset, through the gateway, to the voice centre")
    call = handset.dial(CALLED, stage.gateway.access)
    invite = await _early(play, handset)
    try:
        outcome = await call.answered(_STEP_LIMIT_S)
        play.row("the centre answers", outcome.accepted, f"{outcome.status} {outcome.reason}; {_responses(handset)}")
    except TimeoutError:
        play.row("the centre answers", False, f"no final answer; {_responses(handset)}")
    if call.state == "confirmed":
        await _conversation(play, handset, seat, invite)
    await _end(play, handset, before)


async def _early(play: Play, handset: Handset) -> dict[str, Any] | None:
    """Until the queue is heard; returns the centre's INVITE event."""
    invite: dict[str, Any] | None = None
    try:
        invite = await play.stage.centre.wait_for("invite", limit_s=_STEP_LIMIT_S)
    except TimeoutError:
        pass
    _voice_call_row(play, invite)
    play.progress("in the queue: early media of the centre")
    hearing, over = handset.audio.hearing, ("confirmed", "ended")
    await _until(lambda: hearing.seconds(QUEUE_HZ) >= _HEARD_S or handset.call.state in over)
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
    play.progress("answered: the agent speaks; the caller sees the slate")
    await _until(lambda: hearing.seconds(AGENT_HZ) >= _HEARD_S and sight.stills >= 2)
    queued, answered = hearing.seconds(QUEUE_HZ) >= _HEARD_S, hearing.seconds(AGENT_HZ) >= _HEARD_S
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
    name = "the caller sees the slate first"
    if sight.still is None:
        play.row(name, False, f"saw {sight.in_words()}")
        return
    away = await asyncio.to_thread(_away_from_slate, sight.still)
    play.row(
        name,
        sight.scenes[0].what == STILL and sight.black == 0 and away < _SAME_PICTURE,
        f"{sight.stills} frames, {away:.1f} of 255 levels away from the slate as drawn; {sight.black} black frames",
    )


def _away_from_slate(still: Plane) -> float:
    height, width = still.shape
    return difference(still, luma_of_rgb(Slate().picture(width, height)))


async def _centre_hears(play: Play) -> None:
    heard = 0.0
    seconds: dict[str, float] = {}
    deadline = _Deadline(_STEP_LIMIT_S)
    while heard < _HEARD_S and not deadline.passed:
        report = await play.stage.centre.ask("report", do="report")
        seconds = report["calls"][0]["heard"] if report["calls"] else {}
        heard = seconds.get(f"{CALLER_HZ:g}", 0.0)
        await asyncio.sleep(0.1)
    words = ", ".join(f"{tone} Hz {s:.1f} s" for tone, s in seconds.items()) or "nothing"
    play.row("the centre hears the caller", heard >= _HEARD_S, f"heard {words}")


async def _seat_comes_and_goes(play: Play, handset: Handset, seat: Seat, call_id: str) -> None:
    play.progress(f"the agent's seat joins call {call_id} with video alone")
    asked_at = seat.clock.now()
    call = seat.join(call_id, play.stage.gateway.desk)
    try:
        outcome = await call.answered(_STEP_LIMIT_S)
    except TimeoutError:
        play.row("the seat joins", False, "no answer to its INVITE")
        return
    play.row("the seat joins", outcome.accepted, f"{outcome.status} {outcome.reason}")
    if not outcome.accepted:
        return
    sight, desk = handset.video.sight, seat.video.sight
    await _until(lambda: sight.rising(SEAT_ID) >= _FRAMES and desk.rising(CALLER_ID) >= _FRAMES)
    play.row("the caller sees the agent", *_pictures(handset, SEAT_ID))
    play.row("the agent sees the caller", *_pictures(seat, CALLER_ID))
    if desk.scenes:
        first_ms = (desk.scenes[0].started_at - asked_at) * 1000
        play.row("no picture was frozen, turned or torn", *_quality(handset, seat, first_ms))
    play.progress("the seat leaves; the call goes on")
    await seat.leave()
    await _until(lambda: sight.now_showing == STILL)
    spoken = handset.audio.hearing.seconds(AGENT_HZ)
    await _until(lambda: handset.audio.hearing.seconds(AGENT_HZ) >= spoken + _HEARD_S)
    goes_on = handset.call.state == "confirmed" and handset.audio.hearing.seconds(AGENT_HZ) >= spoken + _HEARD_S
    play.row(
        "the seat leaves, the slate is back, the voice goes on",
        sight.now_showing == STILL and goes_on,
        f"the caller saw {sight.in_words()}",
    )


def _pictures(watcher: Handset | Seat, sender: int) -> tuple[bool, str]:
    seen = watcher.video.sight.senders.get(sender)
    if seen is None:
        return False, f"saw {watcher.video.sight.in_words()}; {watcher.video.counts.packets_in} packets came"
    words = f"{seen.frames} frames of sender {sender}, counters {seen.first} to {seen.last}, {seen.rising} rising"
    return seen.rising >= _FRAMES and seen.backward == 0, words


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


async def _end(play: Play, handset: Handset, before: dict[str, int]) -> None:
    play.progress("the caller hangs up; looking for what is left")
    name = "the caller hangs up, the centre's call ends"
    try:
        await handset.hang_up()
        ended = await play.stage.centre.wait_for("ended", limit_s=_STEP_LIMIT_S)
        play.row(name, handset.call.state == "ended", f"at the centre: {ended['status']} {ended['reason']}")
    except TimeoutError:
        play.row(name, False, "the centre was not told, or BYE was not answered")
    reoffers = [event for event in play.stage.centre.events if event["event"] == "reinvite"]
    if any(event["video"] for event in reoffers):
        play.row("the centre was never offered video later", False, "a re-INVITE to it held m=video")
    deadline = _Deadline(_CLEAN_LIMIT_S)
    left = await _live(play.stage)
    while (more := _more(left, before)) and not deadline.passed:
        await asyncio.sleep(0.1)
        left = await _live(play.stage)
    words = ", ".join(f"{what} {count}" for what, count in left.items())
    play.row("nothing is left of the call", not more, more or f"the gateway holds {words}, as before the call")


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


class _Deadline:
    def __init__(self, limit_s: float) -> None:
        self._clock = SystemClock()
        self._at = self._clock.now() + limit_s

    @property
    def passed(self) -> bool:
        return self._clock.now() >= self._at


async def _until(condition: Callable[[], bool], limit_s: float = _STEP_LIMIT_S) -> None:
    """Wait until it is so, or the time is over; the row that follows says which."""
    deadline = _Deadline(limit_s)
    while not condition() and not deadline.passed:  # noqa: ASYNC110 — conditions of several streams
        await asyncio.sleep(0.02)
