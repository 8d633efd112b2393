"""splitter top: the live calls as they are now, the worst first, again and again."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass

import click

from splitter.calls.states import CallState
from splitter.calls.view import CallView, CarriedView
from splitter.cli.door import Door, RefusedByGateway, open_door
from splitter.cli.status import DaemonStatus
from splitter.cli.text import clock, counted, fail, fitted, say, span
from splitter.web.calls.shapes import CarriedShown

_TITLES = ("ID", "FOR", "CALLER", "CENTRE", "AGENT", "STATE", "VIDEO", "MOS", "LOST", "TROUBLE")
_SPARE = ("CENTRE", "STATE", "LOST")  # where the terminal is narrow
_UNSHOWN = 6  # lines that are no calls
_MOST = 50  # calls whose media are asked for at a time: each is a request to a worker
_WHOLE_SCREEN = "\x1b[H\x1b[2J"  # ECMA-48: to the first line, and erase the page


@dataclass(frozen=True, slots=True)
class _Line:
    """A call, and how well its media come and go. Sorts by how much it needs to be looked at."""

    view: CallView
    carried: tuple[CarriedView, ...]

    @property
    def mos(self) -> float:
        """The worst of its voices; 0 for none that is known."""
        return min((mos for one in self.carried for mos in (one.mos, one.mos_there) if mos), default=0.0)

    @property
    def lost(self) -> float:
        """The worst share of what was lost on the way to us."""
        of = [(one.lost, one.packets_in + one.lost) for one in self.carried]
        return max((lost / came for lost, came in of if came), default=0.0)

    @property
    def trouble(self) -> str:
        """What is wrong just now; "" where nothing is known to be."""
        silent = [one.leg for one in self.view.silences if one.until is None]
        strangers = [one.leg for one in self.view.strangers]
        told = [f"no voice from {leg}" for leg in silent] + [f"a stranger's media for {leg}" for leg in strangers]
        return "; ".join([*told, *([self.view.video.fault] if self.view.video.fault else [])])

    def rank(self) -> tuple[bool, float, float]:
        """Trouble first, then the worst voice, then the newest."""
        return (not self.trouble, self.mos or 5.0, -self.view.started_at)

    def cells(self, now: float) -> tuple[str, ...]:
        """The line of the table."""
        view = self.view
        whose = (view.call_id, span(now - view.started_at), view.caller, view.route or "-", view.extension or "-")
        mos = f"{self.mos:.1f}" if self.mos else "-"
        lost = f"{self.lost:.1%}" if self.carried else "-"
        return (*whose, view.state, view.video.state, mos, lost, self.trouble)


@click.command()
@click.option("--every", "every_s", type=click.FloatRange(1, 60), default=2.0, show_default=True, metavar="SECONDS")
@click.option("--once", is_flag=True, help="Once, and end; so too where nobody looks at a terminal.")
@click.pass_context
def top(ctx: click.Context, every_s: float, once: bool) -> None:
    """Show the live calls, the worst first, as they are now; Ctrl-C ends it."""
    door = open_door(ctx)
    watched = not once and sys.stdout.isatty()
    try:
        while True:
            page = _page(door)
            if watched:
                click.echo(_WHOLE_SCREEN, nl=False)
            say(page)
            if not watched:
                return
            time.sleep(every_s)
    except RefusedByGateway as error:
        fail(str(error))
    except KeyboardInterrupt:
        return


def _page(door: Door) -> str:
    status = door.get(DaemonStatus, "status")
    rows = max(1, min(_MOST, shutil.get_terminal_size((200, 60)).lines - _UNSHOWN - len(status.alarms)))
    views = door.listed(CallView, "calls", "calls", limit=1000, ended=0)
    # Those in trouble are not left out, however many calls there are; their media are asked for, and nobody else's.
    chosen = sorted((_Line(view, ()) for view in views), key=_Line.rank)[:rows]
    lines = sorted((_Line(one.view, _carried(door, one.view)) for one in chosen), key=_Line.rank)
    now = time.time()
    head = f"{clock(now)}  {status.name}: {status.state}, {status.calls} of {status.max_calls} calls"
    head += f", {status.workers[0]} of {counted(status.workers[1], 'worker')} up"
    told = [head, *(f"ALARM  {alarm}" for alarm in status.alarms), ""]
    told.append(fitted(_TITLES, [one.cells(now) for one in lines], _SPARE) if lines else "no calls")
    if len(views) > len(lines):
        told.append(f"and {len(views) - len(lines)} more")
    return "\n".join(told)


def _carried(door: Door, view: CallView) -> tuple[CarriedView, ...]:
    if view.state is not CallState.CONNECTED:
        return ()
    try:
        return door.get(CarriedShown, "calls", view.call_id, "quality").carried
    except RefusedByGateway:
        return ()  # it has ended meanwhile, or its worker does not answer
