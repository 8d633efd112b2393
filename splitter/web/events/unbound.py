"""The calls that nobody has, as desks are shown them so that one of them takes it. asyncio, no I/O.

Each frame has all of them: how it is now, not news. So nothing of it is kept or resumed, what changes within a moment
is told once, and whoever may see them no longer is told of none. They are told at most once a second, and more slowly
where many desks listen: calls go before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from heapq import nsmallest

import msgspec

from splitter.calls.logins.access import ApiSettings, Scope, UnboundShown
from splitter.calls.states import CallState
from splitter.calls.view import CallView
from splitter.web.access.bearer import Bearer

MOST_SHOWN = 50
PAUSE_S = 1.0  # an answer often names its agent a moment later
DESKS_PER_S = 200


class UnboundCall(msgspec.Struct, frozen=True):
    """A call that nobody has.

    Attributes:
        call_id: to take it by.
        number: of the person in the network; empty where it is withheld.
        since: when it was answered, Unix seconds.
        node: of a cluster, that has it.
    """

    call_id: str
    number: str
    since: float
    node: str = ""


class UnboundCalls(msgspec.Struct, frozen=True):
    """Calls that nobody has, the oldest first. `count`: how many there are, where not all are listed."""

    calls: tuple[UnboundCall, ...]
    count: int


NONE = UnboundCalls((), 0)


def is_unbound(view: CallView) -> bool:
    """True for a call that a desk may take: it is answered, and nobody's."""
    return view.state is CallState.CONNECTED and not view.extension and not view.test


def may_see(bearer: Bearer, shown: UnboundShown) -> bool:
    """True for a bearer that is shown the calls which nobody has."""
    if bearer.may(Scope.READ, Scope.CONTROL):
        return True
    if not bearer.is_desk or shown is UnboundShown.NOBODY:
        return False
    return shown is UnboundShown.DESKS or bearer.may(Scope.UNBOUND)


def listed(views: Iterable[CallView], bearer: Bearer) -> UnboundCalls:
    """List these calls, which nobody has, as a bearer may see them who may at all."""
    return _listed([*views], bearer.may(Scope.READ, Scope.CONTROL, Scope.IDENTITY))


def _listed(views: list[CallView], identity: bool) -> UnboundCalls:
    oldest = nsmallest(MOST_SHOWN, views, key=lambda view: (_since(view), view.call_id))
    calls = (
        UnboundCall(view.call_id, "" if view.facts.private and not identity else view.number, _since(view), view.node)
        for view in oldest
    )
    return UnboundCalls(tuple(calls), len(views))


def _since(view: CallView) -> float:
    return view.answered_at or view.started_at


class UnboundFrames:
    """The frames that desks were told last of the calls that nobody has.

    Args:
        settings: of the API, as they are now.

    Attributes:
        changed: set where something may be otherwise than it was told.
    """

    def __init__(self, settings: Callable[[], ApiSettings] = ApiSettings) -> None:
        self._settings = settings
        self._calls = (NONE, NONE)  # as plain desks see them, and those that see withheld numbers
        self._texts = (_frame(NONE), _frame(NONE))
        self._shown: UnboundShown | None = None
        self.changed = asyncio.Event()

    def refresh(self, views: Iterable[CallView]) -> bool:
        """Take these as the calls of now. Returns: True where desks may have to be told."""
        there, shown = [*views], self._settings().unbound_calls
        calls = (_listed(there, identity=False), _listed(there, identity=True))
        if calls == self._calls and shown is self._shown:
            return False
        self._calls, self._shown = calls, shown
        self._texts = (_frame(calls[0]), _frame(calls[1]))
        return True

    def text_for(self, bearer: Bearer) -> str:
        """The frame for this bearer; empty for one that is no desk."""
        if not bearer.is_desk:
            return ""
        if not may_see(bearer, self._settings().unbound_calls):
            return NOTHING
        return self._texts[bearer.may(Scope.READ, Scope.CONTROL, Scope.IDENTITY)]


def _frame(calls: UnboundCalls) -> str:
    return msgspec.json.encode({"type": "unbound", "unbound": calls}).decode()


NOTHING = _frame(NONE)
"""The frame that says that there are none, or none to be seen."""


def pause_s(listeners: int) -> float:
    """The least time from one frame to the next, for so many that hear it."""
    return max(PAUSE_S, listeners / DESKS_PER_S)
