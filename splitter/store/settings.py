"""What the operator sets about the store. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from splitter.core.keys import Key, Uptake


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where calls and traces are kept and how much of them."""

    path: Annotated[str, Key(file=True, not_a_file=":memory:", taken=Uptake.RESTART)] = "/var/lib/splitter/calls.db"
    """The SQLite file of calls and traces; ":memory:" keeps nothing over a restart. It holds telephone numbers and
    whole SIP messages: it is readable by the service's user alone, and its age is a matter of your privacy rules."""
    max_age_days: Annotated[float, Key(0.01, 36_500, taken=Uptake.LIVE)] = 30.0
    """Older calls and traces are deleted, and past this size the oldest ones. On disk it may take a quarter more for a
    while."""
    max_size_mb: Annotated[int, Key(1, 10_000_000, taken=Uptake.LIVE)] = 2048
    screenshots_mb: Annotated[int, Key(0, 10_000_000, taken=Uptake.RESTART)] = 500
    """Screenshots that agents keep with a call take so much at most, in a folder beside the store; the oldest go first,
    and all of them with their age. 0: none is kept longer than ten minutes."""
    digits: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Show in traces the digits that people press (INFO): they may be PINs. For tests of a line alone; otherwise each
    is an "x"."""
