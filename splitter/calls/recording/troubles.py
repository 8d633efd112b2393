"""The way from the recorder to the calls that live: a recording had to stop, or may begin again. Does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from splitter.calls.events import CallEvent, RecorderBack, RecordingTrouble


class TellsCall(Protocol):
    """A call, as far as the recorder tells it something."""

    @property
    def post(self) -> Callable[[CallEvent], None]: ...


class Troubles:
    """The way from the recorder to the calls.

    Args:
        live: the calls that live.
    """

    def __init__(self, live: Callable[[], Iterable[TellsCall]]) -> None:
        self._live = live
        self._first: Callable[[], None] = lambda: None

    def before(self, do: Callable[[], None]) -> None:
        """Have something done before calls are told that the recorder is back."""
        self._first = do

    def on_trouble(self, recording: str, reason: str) -> None:
        """A recording, or ("") every one, had to stop."""
        self._tell(RecordingTrouble(recording, reason))

    def on_back(self) -> None:
        """The recorder can be asked again, and knows nothing of calls."""
        self._first()
        self._tell(RecorderBack())

    def _tell(self, event: CallEvent) -> None:
        for call in tuple(self._live()):
            call.post(event)
