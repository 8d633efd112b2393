"""Work for the thread that writes recordings, waited for by another thread. Blocks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from splitter.core.errors import LocalError

_LIMIT_S = 60.0


class InTurn:
    """The way to that thread.

    Args:
        hand: hands work to it.
    """

    def __init__(self, hand: Callable[[Callable[[], None]], None]) -> None:
        self._hand = hand

    def do(self, work: Callable[[], object]) -> None:
        """Have something done, and wait for that. Raises what it raises, and LocalError where it takes too long."""
        done: Future[None] = Future()

        def carry_out() -> None:
            try:
                work()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._hand(carry_out)
        try:
            done.result(_LIMIT_S)
        except TimeoutError:
            raise LocalError("the recorder is too busy to note it") from None
