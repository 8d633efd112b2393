"""The demo that goes on: calls come, are answered, seen by an agent and end, until Ctrl-C. Does I/O."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from splitter.core.clock import SystemClock
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.party import Dialect
from splitter.lab.rows import AGENT_HZ, QUEUE_HZ
from splitter.lab.seat import SeatSettings
from splitter.lab.stage import CALLED, Say, Stage, call_id_in, header_in
from splitter.lab.video import VideoSettings

_AT_A_TIME = 2  # the centre's process takes four; one core is to be enough
_BETWEEN_S = 12.0
_SLATE_S = 5.0
_TOGETHER_S = 20.0
_ALONE_S = 5.0
_STEP_LIMIT_S = 60.0


async def show_calls(stage: Stage, say: Say) -> None:
    """Keep calls running until cancelled; a call that fails is told, and the next one comes."""
    _introduce(stage, say)
    running: set[asyncio.Task[None]] = set()
    number = 0
    try:
        while stage.gateway.alive:
            if len(running) < _AT_A_TIME:
                number += 1
                running.add(asyncio.create_task(_one(stage, number, say)))
            await stage.gateway.ends_within(_BETWEEN_S)
            running = {task for task in running if not task.done()}
        say(f"the gateway has ended:\n{stage.gateway.last_words()}")
    finally:
        say("ending: calls are hung up, the gateway and the centre are stopped")
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _introduce(stage: Stage, say: Say) -> None:
    gateway = stage.gateway
    splitter = Path(sys.executable).with_name("splitter")
    say(
        f"The gateway hears the SBC at {gateway.access}, the centre at {gateway.core}, seats at {gateway.desk}.\n"
        f"Its configuration: {gateway.configuration}\nIts log:           {gateway.log_file}\n\n"
        "In another terminal:\n"
        f"  export SPLITTER_SOCKET={gateway.control_socket}\n"
        f"  {splitter} calls\n"
        f"  {splitter} trace ID --follow      what happens to a call, on all its legs\n"
        f"  {splitter} call ID\n"
        f"  {splitter} hangup ID\n"
        "Ctrl-C ends everything.\n"
    )


async def _one(stage: Stage, number: int, say: Say) -> None:
    """One call, told step by step."""
    clock = SystemClock()
    caller = f"1380000{number % 10_000:04d}"

    def tell(text: str) -> None:
        say(f"{time.strftime('%H:%M:%S', time.localtime(clock.wall()))}  {caller}  {text}")

    settings = HandsetSettings(
        number=caller,
        listen_hz=(QUEUE_HZ, AGENT_HZ),
        video=VideoSettings(sender=number % 100 + 1, orientation_id=7),
    )
    handset = await stage.handset(settings)
    try:
        await _told(stage, handset, number, tell)
    except TimeoutError:
        tell("a step took too long; the call is given up")
    finally:
        await stage.leave(handset)


async def _told(stage: Stage, handset: Handset, number: int, tell: Say) -> None:
    caller = handset.settings.number
    call = handset.dial(CALLED, stage.gateway.access)
    tell(f"calls {CALLED} with audio and video")
    invite = await stage.centre.wait_for(
        "invite", lambda event: caller in header_in(event["raw"], "From"), limit_s=_STEP_LIMIT_S
    )
    call_id = call_id_in(invite)
    tell(f"call {call_id}: the centre was offered {'; '.join(invite['media'])}")
    outcome = await call.answered(_STEP_LIMIT_S)
    if not outcome.accepted:
        tell(f"refused: {outcome.status} {outcome.reason}")
        return
    tell(f"answered; hears {handset.audio.hearing.in_words()}")
    if await _ends_within(handset, _SLATE_S) or call_id is None:
        tell(f"over: {call.end_reason}")
        return
    tell(f"sees {handset.video.sight.now_showing}")
    await _seated(stage, handset, call_id, number, tell)
    if call.state != "ended":
        await handset.hang_up()
    tell(f"over: {call.end_reason}; heard {handset.audio.hearing.in_words()}; saw {handset.video.sight.in_words()}")


async def _seated(stage: Stage, handset: Handset, call_id: str, number: int, tell: Say) -> None:
    """An agent's seat joins, stays and leaves."""
    extension = f"20{number % 100:02d}"
    seat = await stage.seat(
        SeatSettings(extension, VideoSettings(sender=100 + number % 100), Dialect(seat=True, mode=number % 2))
    )
    try:
        outcome = await seat.join(call_id, stage.gateway.desk).answered(_STEP_LIMIT_S)
        tell(f"seat {extension} joins with video: {outcome.status} {outcome.reason}")
        await _ends_within(handset, _TOGETHER_S)
        seen = seat.video.sight
        tell(f"sees {handset.video.sight.now_showing}; seat {extension} sees {seen.now_showing}, {seen.frames} frames")
        if seat.call.state != "ended":
            await seat.leave()
            tell(f"seat {extension} leaves; the call goes on")
    finally:
        await stage.leave(seat)
    await _ends_within(handset, _ALONE_S)


async def _ends_within(handset: Handset, limit_s: float) -> bool:
    """Let the call live for that time; True if it ended meanwhile (somebody hung it up)."""
    try:
        await handset.call.ended(limit_s)
    except TimeoutError:
        return False
    return True
