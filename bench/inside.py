"""The gateway with something of it left out or watched, for a measurement: `python bench/inside.py HOW run -c FILE`.

bare            no trace, and no records of live calls for the next process
profile=FILE    under cProfile between SIGRTMIN+1 and SIGRTMIN+2, which writes the file: its start is not in it
"""

from __future__ import annotations

import cProfile
import signal
import sys
from collections.abc import Callable

from splitter.calls.persistence.records import Records, RecordStore
from splitter.cli import main
from splitter.telemetry.trace import Recorder

BEGIN, END = signal.SIGRTMIN + 1, signal.SIGRTMIN + 2


def leave_out() -> None:
    """Keep neither traces nor records."""
    begun: Callable[[Records, RecordStore | None], None] = Records.__init__

    def without_store(self: Records, store: RecordStore | None = None) -> None:
        begun(self, None)

    Records.__init__ = without_store  # type: ignore[method-assign]
    Recorder._emit = lambda *_: None  # type: ignore[method-assign]


def watch(file: str) -> None:
    """Let the signals begin and end a profile."""
    profile = cProfile.Profile()
    signal.signal(BEGIN, lambda *_: profile.enable())

    def end(*_: object) -> None:
        profile.disable()
        profile.dump_stats(file)

    signal.signal(END, end)


if __name__ == "__main__":
    how, _, value = sys.argv.pop(1).partition("=")
    if how == "bare":
        leave_out()
    else:
        watch(value)
    sys.exit(main())
