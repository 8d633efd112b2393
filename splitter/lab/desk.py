"""The demo in which a person is the agent: callers ring a desk whose console is open in a browser. Does I/O.

Calls come by themselves while somebody is logged in and free, or when a key says so. What callers do, and what the
gateway shows them, is told line by line.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any, TextIO

import aiohttp

from splitter.core.clock import SystemClock
from splitter.lab.codec import VideoShape
from splitter.lab.consent import Consent, Reaction
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect
from splitter.lab.rows import AGENT_HZ, QUEUE_HZ
from splitter.lab.stage import CALLED, EXTENSION, Say, Stage, call_id_in, header_in
from splitter.lab.video import VideoSettings

PORT = 8080
PLAN: dict[str, object] = {"ring_s": 1.5, "queue_s": 2.0}

_AT_A_TIME = 3  # the centre's process takes four
_FIRST_S, _BETWEEN_S = 3.0, 25.0
_PATIENCE_S = 300.0
_THINKS_S = 3.0
_STEP_LIMIT_S = 60.0
_LOOK_EVERY_S = 0.5
_SHAPE = VideoShape(480, 640, 15, 500)  # as phones hold it


@dataclass(frozen=True, slots=True)
class Caller:
    """One way to call. `key`: what asks for it; `what`: in words."""

    key: str
    what: str
    video: bool = False
    answer: Reaction = Reaction.ACCEPT


CALLERS = (
    Caller("v", "a video call", video=True),
    Caller("a", "a voice call; asked for video, the caller accepts"),
    Caller("r", "a voice call; asked for video, the caller refuses", answer=Reaction.REFUSE),
    Caller("n", "a voice call from a phone that has no video", answer=Reaction.CANNOT),
    Caller("i", "a voice call; asked for video, the caller does not react", answer=Reaction.IGNORE),
)


class Keyboard:
    """What the person types, line by line.

    Args:
        stream: standard input; where it is a file or closed, nothing is ever typed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rest = b""
        self._lines: asyncio.Queue[str] = asyncio.Queue()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to the keys while the block runs."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._stream, self._read)
        except (OSError, ValueError):  # a file, or closed
            yield
            return
        try:
            yield
        finally:
            loop.remove_reader(self._stream)

    async def next(self, limit_s: float) -> str | None:
        """The next line without its end; None if none came in time."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._lines.get()
        except TimeoutError:
            return None

    def _read(self) -> None:
        data = os.read(self._stream.fileno(), 4096)
        if not data:
            asyncio.get_running_loop().remove_reader(self._stream)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode(errors="replace").strip().lower())


async def let_callers_call(stage: Stage, say: Say, keys: Keyboard) -> None:
    """Go on until cancelled."""
    _introduce(stage, say)
    clock, turn, number = SystemClock(), cycle(CALLERS), 0
    running: set[asyncio.Task[None]] = set()
    free_from, pause_s = None, _FIRST_S
    try:
        with keys.listening():
            while stage.gateway.alive:
                line = await keys.next(0.5)
                running = {task for task in running if not task.done()}
                free = not running and await _online(stage)
                free_from = (free_from or clock.now()) if free else None
                due = free_from is not None and clock.now() - free_from >= pause_s
                caller = _wanted(line, say) if line else next(turn) if line == "" or due else None
                if caller is not None and len(running) >= _AT_A_TIME:
                    say(f"{_AT_A_TIME} callers are there already; hang up first")
                elif caller is not None:
                    number, pause_s, free_from = number + 1, _BETWEEN_S, None
                    running.add(asyncio.create_task(_one(stage, number, caller, say)))
        say(f"the gateway has ended:\n{stage.gateway.last_words()}")
    finally:
        say("ending: calls are hung up, the gateway and the centre are stopped")
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _introduce(stage: Stage, say: Say) -> None:
    keys = "\n".join(f"  {caller.key} Enter    {caller.what}" for caller in CALLERS)
    say(
        f"You are the agent at extension {EXTENSION}. Open the console in a browser on this machine:\n\n"
        f"  {stage.api}/\n"
        f"  user      {EXTENSION}\n"
        f"  password  {stage.password}\n\n"
        "Once you are logged in, somebody calls, and again some time after each call. Your phone answers by itself;\n"
        "its voice is simulated, and not to be heard. Callers show a test card whose squares count pictures.\n\n"
        f"  Enter      the next caller, now\n{keys}\n\n"
        f"The gateway's log: {stage.gateway.log_file}\n"
        f"In another terminal: export SPLITTER_SOCKET={stage.gateway.control_socket}; splitter calls, trace, seats …\n"
        "Ctrl-C ends everything.\n"
    )


def _wanted(line: str, say: Say) -> Caller | None:
    found = next((caller for caller in CALLERS if caller.key == line), None)
    if found is None:
        say(f"no caller is called {line[:20]!r}: Enter, or one of {', '.join(caller.key for caller in CALLERS)}")
    return found


async def _online(stage: Stage) -> bool:
    try:
        desks = (await stage.gateway.get("/v1/desks"))["desks"]
    except (aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
        return False
    return any(desk["extension"] == EXTENSION and desk["state"] == "online" for desk in desks)


async def _one(stage: Stage, number: int, caller: Caller, say: Say) -> None:
    """One call, told step by step."""
    clock, who = SystemClock(), f"1380000{number % 10_000:04d}"

    def tell(text: str) -> None:
        say(f"{time.strftime('%H:%M:%S', time.localtime(clock.wall()))}  {who}  {text}")

    handset = await stage.handset(
        HandsetSettings(
            number=who,
            listen_hz=(QUEUE_HZ, AGENT_HZ),
            video=VideoSettings(sender=number % 100 + 1, shape=_SHAPE, orientation_id=7),
            dialect=Dialect(picture=VideoLine.TALL),
            consent=Consent(caller.answer, 0.0 if caller.answer is Reaction.CANNOT else _THINKS_S),
        )
    )
    handset.party.with_video = caller.video
    try:
        await _call(stage, handset, caller, tell)
    except (TimeoutError, aiohttp.ClientError) as error:
        tell(f"a step took too long, or failed; the call is given up. {error}")
    finally:
        await stage.leave(handset)


async def _call(stage: Stage, handset: Handset, caller: Caller, tell: Say) -> None:
    who = handset.settings.number
    call = handset.dial(CALLED, stage.gateway.access)
    tell(caller.what)
    invite = await stage.centre.wait_for(
        "invite", lambda event: who in header_in(event["raw"], "From"), limit_s=_STEP_LIMIT_S
    )
    call_id = call_id_in(invite)
    outcome = await call.answered(_STEP_LIMIT_S)
    if not outcome.accepted or call_id is None:
        tell(f"refused: {outcome.status} {outcome.reason}")
        return
    tell(f"answered by {EXTENSION}'s phone; call {call_id}")
    await _until_the_end(stage, handset, call_id, tell)
    if call.state != "ended":
        tell("has waited long enough, and hangs up")
        await handset.hang_up()
    sight = handset.video.sight
    why = await _why_it_ended(stage, call_id)
    tell(f"over: {why or call.end_reason}; saw {sight.frames} pictures, {sight.black} of them black")


async def _until_the_end(stage: Stage, handset: Handset, call_id: str, tell: Say) -> None:
    """Tell what changes, as the gateway shows it."""
    clock, told = SystemClock(), ""
    until = clock.now() + _PATIENCE_S
    while handset.call.state != "ended" and clock.now() < until:
        calls = (await stage.gateway.get("/v1/calls"))["calls"]
        view = next((call for call in calls if call["call_id"] == call_id), None)
        if view is not None and (words := _in_words(view)) != told:
            told = words
            tell(words)
        try:
            await handset.call.ended(_LOOK_EVERY_S)
        except TimeoutError:
            pass


async def _why_it_ended(stage: Stage, call_id: str) -> str:
    """The gateway's word on it, which may come a moment later than its BYE; "" if it does not come."""
    for _ in range(10):
        view = await stage.gateway.get(f"/v1/calls/{call_id}")
        if view["state"] == "ended":
            return str(view["end_reason"])
        await asyncio.sleep(0.1)
    return ""


def _in_words(view: dict[str, Any]) -> str:
    match view["video"]["state"], view["video"]["outcome"]:
        case "on", _:
            return f"sees {view['showing']}"
        case "asking", _:
            return "is asked for video"
        case "dropping", _:
            return "is taken back to voice"
        case _, "" | "accepted":
            return "has voice alone"
        case _, outcome:
            return f"has voice alone; asked for video: {outcome} ({view['video']['reason']})"
