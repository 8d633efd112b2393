"""Messages that wait until they may be heard: at the start, and at the end. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from splitter.core.net import Flow

_MOST = 20_000  # messages that wait


class Unheard:
    """Messages that wait.

    Args:
        hear: handles one.
    """

    def __init__(self, hear: Callable[[Flow, bytes], None]) -> None:
        self._hear = hear
        self._waiting: list[tuple[Flow, bytes]] | None = None

    def __len__(self) -> int:
        return len(self._waiting or ())

    def wait(self) -> None:
        """Keep what comes from now on."""
        self._waiting = []

    def go_on(self) -> None:
        """Handle what waits, in its order, and keep nothing more."""
        waiting, self._waiting = self._waiting, None
        for flow, data in waiting or ():
            self._hear(flow, data)

    def keeps(self, flow: Flow, data: bytes) -> bool:
        """Keep a message, if it has to wait; what is too much is lost, and comes again over UDP."""
        if self._waiting is None:
            return False
        if len(self._waiting) < _MOST:
            self._waiting.append((flow, data))
        return True
