"""A trace as a ladder: one line per event, a column per leg, ours second from the left.

      wall clock    elapsed       caller        splitter        centre
    12:04:31.120     +0.000         │─── INVITE ──▶│              │  110; offer: audio PCMA/8 dtmf/101 → 10.0.0.1:31018
    12:04:31.121     +0.001         │              ●              │  state: routing to pbx
    12:04:31.121     +0.001         │              │─── INVITE ──▶│  110; offer: audio PCMA/8 dtmf/101 → 10.9.0.1:30002
    12:04:31.140     +0.020         │              │◀─ 180 INVITE │  Ringing

An arrow is a message, its head says where it went, its label is the method or the status with the method it answers. A
dot is anything else, under the leg that it concerns, or under the splitter where it concerns the whole call. Lines that
repeat a message byte for byte say "again". A detail too long for the width goes on below itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo

from splitter.telemetry.summary import Summariser, Summary
from splitter.telemetry.trace import TraceEvent

PITCH = 15
SELF = "splitter"
_STAMP = 25  # characters before the first column
_MARKS = {"state": "●", "media": "▪", "note": "○", "alarm": "!"}
_COLOURS = {"state": "36", "media": "35", "alarm": "1;31", "error": "31", "again": "2", "time": "2"}
_SEEN_LIMIT = 5000


class Ladder:
    """Draws events as they come.

    Args:
        legs: the columns beside the splitter, in order. A leg that appears later is drawn under the splitter, named.
        width: details are wrapped at this column; None for never, as golden files want it.
        zone: of the wall clock; None for the machine's.
        colour: with terminal colours.
        clean: makes what strangers wrote fit to be shown there.
    """

    def __init__(
        self,
        legs: Iterable[str],
        width: int | None = None,
        zone: tzinfo | None = None,
        colour: bool = False,
        clean: Callable[[str], str] = str,
    ) -> None:
        names = list(dict.fromkeys(legs))
        self._columns = [*names[:1], SELF, *names[1:]] if names else [SELF]
        self._width = width
        self._zone = zone
        self._colour = colour
        self._clean = clean
        self._summariser = Summariser()
        self._start: float | None = None
        self._seen: set[int] = set()

    def header(self) -> str:
        """The line of names above the lifelines."""
        names = "".join(name[: PITCH - 1].center(PITCH) for name in self._columns)
        return f"{'wall clock':>12}{'elapsed':>11}  {self._clean(names)}".rstrip()

    def lines(self, event: TraceEvent) -> Iterator[str]:
        """One event: its line, and the rest of its detail where that is wrapped."""
        if self._start is None:
            self._start = event.at
        wall = datetime.fromtimestamp(event.at, self._zone).strftime("%H:%M:%S.%f")[:12]
        elapsed = f"{event.at - self._start:+.3f}"
        if event.kind == "message":
            rungs, detail, style = self._message(event)
        else:
            column = self._column(event.leg)
            rungs = self._lifelines(column, _MARKS.get(event.kind, "○"))
            named = f"{event.leg}: " if event.leg and self._columns[column] == SELF else ""
            detail, style = f"{event.kind}: {named}{event.text}", event.kind
        stamp = self._paint(f"{wall:>12}{elapsed:>11}  ", "time")
        first, *rest = self._wrap(detail)
        yield f"{stamp}{self._clean(rungs)}  {self._paint(first, style)}".rstrip()
        for line in rest:
            yield f"{' ' * _STAMP}{self._lifelines()}  {self._paint(line, style)}".rstrip()

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _message(self, event: TraceEvent) -> tuple[str, str, str]:
        """Lifelines with the arrow, the detail, and its style."""
        summary = self._summariser.summarise(event)
        column = self._column(event.leg)
        detail, style = _detail(summary), "error" if summary.label[:1] in "456" else ""
        if self._is_again(event):
            detail, style = "again", "again"
        if self._columns[column] == SELF:  # a leg without a column of its own
            return (
                self._lifelines(column, "○"),
                f"{event.leg} {event.direction}: {summary.label} {detail}".rstrip(),
                style,
            )
        return self._arrow(column, event.direction == "in", summary.label), detail, style

    def _arrow(self, column: int, towards_us: bool, label: str) -> str:
        here = self._columns.index(SELF)
        left, right = sorted((column, here))
        rightwards = towards_us == (column < here)
        span = PITCH * (right - left) - 1
        shaft = f" {label[: span - 3]} ".center(span - 1, "─")
        arrow = f"{shaft}▶" if rightwards else f"◀{shaft}"
        cells = self._lifelines()
        start = self._position(left) + 1
        return cells[:start] + arrow + cells[start + span :]

    def _lifelines(self, column: int = -1, mark: str = "│") -> str:
        half = " " * (PITCH // 2)
        cells = [f"{half}{mark if index == column else '│'}" for index in range(len(self._columns))]
        return (" " * (PITCH - PITCH // 2 - 1)).join(cells)

    @staticmethod
    def _position(column: int) -> int:
        return column * PITCH + PITCH // 2

    def _column(self, leg: str) -> int:
        return self._columns.index(leg if leg in self._columns else SELF)

    def _is_again(self, event: TraceEvent) -> bool:
        mark = hash((event.leg, event.direction, event.data))
        if mark in self._seen:
            return True
        if len(self._seen) < _SEEN_LIMIT:
            self._seen.add(mark)
        return False

    def _wrap(self, detail: str) -> list[str]:
        detail = self._clean(detail)
        if self._width is None:
            return [detail]
        room = self._width - _STAMP - 3 - self._position(len(self._columns) - 1)
        return textwrap.wrap(detail, max(room, 24), break_long_words=False, break_on_hyphens=False) or [""]

    def _paint(self, text: str, style: str) -> str:
        code = _COLOURS.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code and text else text


def legs_of(events: Iterable[TraceEvent]) -> list[str]:
    """The columns that a trace needs: caller, centre, then the others as they appear."""
    seen = dict.fromkeys(event.leg for event in events if event.leg)
    return ["caller", "centre", *(leg for leg in seen if leg not in ("caller", "centre"))]


def draw(events: Iterable[TraceEvent], width: int | None = None, zone: tzinfo | None = None) -> str:
    """A whole trace as text, header included."""
    trace = list(events)
    ladder = Ladder(legs_of(trace), width, zone)
    return "\n".join([ladder.header(), *(line for event in trace for line in ladder.lines(event))]) + "\n"


def _detail(summary: Summary) -> str:
    """What the arrow's label does not say already."""
    method, _, rest = summary.line.partition(" ")
    reason = rest.rpartition(" (")[0] if method.isdecimal() else rest
    return "; ".join(filter(None, [reason, summary.details]))
