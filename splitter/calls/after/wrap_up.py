"""Notes of calls that are over. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WrapUpView:
    """A note on a call that is over.

    `disposition`: what came of it, one of those of the configuration; "" for none. `by`: the login that noted it;
    `at`: when, seconds since the Unix epoch. `screenshots`: numbers of those that are kept with the call.
    """

    note: str
    disposition: str
    by: str
    at: float
    screenshots: tuple[int, ...] = ()
