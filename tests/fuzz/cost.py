"""How much work a function did, counted: the same number on every machine, busy or not.

Every bytecode instruction counts one. Of the methods in C, those that always walk over the whole of their object
(split, partition, replace …) count its length as well: a loop that takes the rest of a text apart again and again is
found, although each step is one instruction. What regular expressions do inside is not seen; `risky` reads them.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from re import _parser  # type: ignore[attr-defined]

_WHOLE = frozenset(
    {
        *("split", "rsplit", "splitlines", "partition", "rpartition", "replace", "strip", "lstrip", "rstrip", "lower"),
        *("upper", "casefold", "encode", "decode", "join", "translate", "count", "isascii", "isdigit", "isalnum"),
        *("isspace", "isprintable", "copy", "index", "remove", "insert"),
    }
)
_SIZED = (str, bytes, bytearray, list)


def cost(work: Callable[[], object]) -> int:
    """Run `work` and count."""
    counted = 0

    def instruction(code: object, offset: int) -> None:
        nonlocal counted
        counted += 1

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal counted
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode":
            counted += 1
        return trace

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal counted
        if event == "c_call":
            owner = getattr(argument, "__self__", None)
            if isinstance(owner, _SIZED) and argument.__name__ in _WHOLE:
                counted += len(owner)

    counting = _by_monitoring(instruction) if sys.version_info >= (3, 12) else _by_tracing(trace)
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with counting:
            work()
    finally:
        sys.setprofile(before)
    return counted


@contextmanager
def _by_tracing(trace: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def _by_monitoring(instruction: Callable[[object, int], None]) -> Iterator[None]:
    """The way of Python 3.12 and later (PEP 669); there a trace function misses the instructions of its first frames."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    tool, event = monitoring.PROFILER_ID, monitoring.events.INSTRUCTION
    monitoring.use_tool_id(tool, "cost")
    monitoring.register_callback(tool, event, instruction)
    monitoring.set_events(tool, event)
    try:
        yield
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)


def risky(pattern: re.Pattern[str] | re.Pattern[bytes]) -> list[str]:
    """What may make a pattern backtrack for longer than linear time; empty for a harmless one.

    A repetition without a limit inside another one, where neither is possessive or atomic; and two of them in a row
    that can both take the same character, as in `.*.*`.
    """
    return list(_risks(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG), inside=False))


def _risks(parsed: Any, inside: bool) -> Iterator[str]:
    open_repeat = False
    for name, value in parsed:
        kind = str(name)
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            _, most, body = value
            unlimited = str(most) == "MAXREPEAT"
            if unlimited and inside:
                yield f"a repetition in a repetition: {body}"
            if unlimited and open_repeat:
                yield f"two repetitions in a row: {body}"
            open_repeat = unlimited
            yield from _risks(body, inside or unlimited)
        elif kind == "POSSESSIVE_REPEAT":
            open_repeat = False
            yield from _risks(value[2], inside=False)
        elif kind == "ATOMIC_GROUP":
            open_repeat = False
            yield from _risks(value, inside=False)
        elif kind == "SUBPATTERN":
            yield from _risks(value[3], inside)
        elif kind == "BRANCH":
            for branch in value[1]:
                yield from _risks(branch, inside)
        elif kind not in ("AT", "ASSERT", "ASSERT_NOT"):
            open_repeat = False
