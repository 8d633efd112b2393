"""The demo: the gateway and everyone around it on this machine. Does I/O.

`run_once` plays two calls and judges them; `run_on` keeps calls running until it is cancelled, `run_desk` lets a person
be the agent. All end what they started, whatever happens.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TextIO, TypeVar

import aiohttp

from splitter.core.clock import SystemClock
from splitter.lab.desk import PLAN, PORT, Keyboard, let_callers_call
from splitter.lab.gateway import GatewayFailed
from splitter.lab.places import usual_port
from splitter.lab.play import play_once
from splitter.lab.process import LabProcessEnded
from splitter.lab.rows import Check
from splitter.lab.show import show_calls
from splitter.lab.stage import HOST, Stage
from splitter.lab.whip import DeskFailed

T = TypeVar("T")

INTERRUPTED = 130
_ONCE_LIMIT_S = 180.0
_FAULTS = GatewayFailed, LabProcessEnded, DeskFailed, aiohttp.ClientError, OSError  # a TimeoutError is an OSError


class ProgressLine:
    """Says on stderr what is going on: one line that is written over on a terminal, one line a step elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._clock = SystemClock()
        self._start = self._clock.now()
        self._terminal = stream.isatty()

    def __call__(self, text: str) -> None:
        line = f"[{self._clock.now() - self._start:4.1f} s] {text}"
        if self._terminal:
            self._stream.write(f"\r\x1b[K{line[:110]}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def done(self) -> None:
        """Clear the line."""
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


async def run_once(progress: Callable[[str], None]) -> list[Check]:
    """Start everything, play the calls, end everything; the rows of the table, the last one says if it could."""
    progress("starting the voice centre and the gateway")
    stage = Stage()
    checks: list[Check] = []
    log = ""
    try:
        async with asyncio.timeout(_ONCE_LIMIT_S), stage:
            try:
                await play_once(stage, progress, checks)
            finally:
                log = stage.gateway.last_words()
    except _FAULTS as error:
        checks.append(Check("the demo runs to its end", False, str(error) or "it took too long"))
    status = stage.gateway_status
    checks.append(Check("the gateway ends in order", status == 0, f"exit status {status} after SIGTERM"))
    if log and not all(check.ok for check in checks):
        progress(f"the end of the gateway's log:\n{log}\n")
    return checks


async def run_on(say: Callable[[str], None]) -> None:
    """Start everything and keep calls running; only a cancellation ends it."""
    async with Stage() as stage:
        await show_calls(stage, say)


async def run_desk(say: Callable[[str], None]) -> None:
    """Start everything and let callers call a person's desk; only a cancellation ends it."""
    async with Stage(usual_port(HOST, PORT), **PLAN) as stage:
        await let_callers_call(stage, say, Keyboard(sys.stdin))


def table(checks: list[Check]) -> str:
    """The rows for people."""
    width = max(len(check.name) for check in checks)
    lines = [f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<{width}}  {check.detail}" for check in checks]
    failed = sum(not check.ok for check in checks)
    lines.append(f"{len(checks) - failed} of {len(checks)} checks hold" + (f", {failed} FAILED" if failed else ""))
    return "\n".join(lines)


def as_json(checks: list[Check]) -> str:
    """The rows for programs."""
    return json.dumps({"ok": all(c.ok for c in checks), "checks": [asdict(c) for c in checks]}, indent=2)


def run(main: Callable[[], Awaitable[T]]) -> T | None:
    """Run it on a loop of its own; None if Ctrl-C or SIGTERM ended it, after everything was ended in order."""

    async def guarded() -> T | None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()
        interrupted = False

        def interrupt() -> None:
            nonlocal interrupted
            if not interrupted:  # a second Ctrl-C must not cut the ending short; that is bounded anyway
                interrupted = True
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        try:
            return await task
        except asyncio.CancelledError:
            if not interrupted:
                raise
            return None

    return asyncio.run(guarded())


def once(as_json_text: bool) -> int:
    """`splitter demo --once`: returns the exit status."""
    logging.getLogger("aiortc").setLevel(logging.ERROR)  # it warns of each picture before its first key frame
    progress = ProgressLine(sys.stderr)
    checks = run(lambda: run_once(progress))
    progress.done()
    if checks is None:
        return INTERRUPTED
    print(as_json(checks) if as_json_text else table(checks))
    return 0 if all(check.ok for check in checks) else 1


def on(desk: bool = False) -> int:
    """`splitter demo`, and with --desk: returns the exit status."""
    main = run_desk if desk else run_on
    try:
        run(lambda: main(lambda text: print(text, flush=True)))
    except (GatewayFailed, LabProcessEnded, OSError) as error:
        print(f"the demo cannot run: {error}", file=sys.stderr)
        return 1
    print("all ended")
    return 0
