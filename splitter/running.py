"""A run of the gateway: from its start to the order that ends it. Does I/O: signals.

SIGTERM and SIGINT drain and stop it, SIGUSR1 and `splitter restart` leave its calls to the process that comes after it
(docs/decisions/0020), SIGHUP takes what has changed in the configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable
from enum import Enum

from splitter.app import Gateway
from splitter.config.model import Settings
from splitter.core.errors import ConfigError, LocalError
from splitter.transport.tasks import Tasks

_COLLECT_AFTER = 20_000  # new objects; a call makes some hundred that live until it ends
_ANSWER_S = 0.2  # for the answer to whoever asked for a restart


class Ending(Enum):
    """How the gateway ended."""

    STOPPED = "stopped"
    LEFT = "left"  # its calls live on, for the process that comes after it
    AGAIN = "again"  # likewise, and this process is to begin anew with the configuration as it is now


class _Orders:
    """What the gateway was told to do next: by signals, and by the API."""

    def __init__(self, reread: Callable[[], Settings]) -> None:
        self._reread = reread
        self._given = asyncio.Event()
        self._ending = Ending.STOPPED

    def stop(self) -> None:
        """Drain and stop; told twice, do not wait for calls."""
        self._give(Ending.STOPPED)

    def leave(self) -> None:
        """Leave the calls to the next process."""
        self._give(Ending.LEFT)

    def restart(self) -> None:
        """Begin anew, with the calls that live.

        Raises:
            LocalError: the configuration cannot be used; nothing has changed.
        """
        try:
            self._reread()
        except ConfigError as error:
            raise LocalError("; ".join(error.problems)) from error
        asyncio.get_running_loop().call_later(_ANSWER_S, self._give, Ending.AGAIN)

    async def given(self) -> Ending:
        """Wait for the next one."""
        await self._given.wait()
        self._given.clear()
        return self._ending

    def _give(self, ending: Ending) -> None:
        self._ending = ending
        self._given.set()


async def run(settings: Settings, reread: Callable[[], Settings], ready: Callable[[], None] = lambda: None) -> Ending:
    """Run the gateway until SIGTERM or SIGINT, of which a second one does not wait for calls, or until it is to leave
    its calls to another process (SIGUSR1, `splitter restart`): then the caller must end this one without a word.

    Args:
        reread: reads the configuration again. Raises ConfigError.
        ready: called once calls are taken.
    """
    orders = _Orders(reread)
    gateway = Gateway(settings, orders.restart, reread)
    reloads = Tasks()
    # What is loaded by now stays: the collector need not look at it again, nor at every few hundred objects of the
    # calls, nearly all of which go by reference count.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, orders.stop)
    loop.add_signal_handler(signal.SIGUSR1, orders.leave)
    loop.add_signal_handler(signal.SIGHUP, lambda: reloads.start(_reload(gateway), "reload"))
    await gateway.start()
    ready()
    ending = Ending.STOPPED
    try:
        ending = await orders.given()
        if ending is Ending.STOPPED:
            draining, again = asyncio.ensure_future(gateway.drain()), asyncio.ensure_future(orders.given())
            await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, again):
                task.cancel()
        else:
            await gateway.leave()
    finally:
        if ending is Ending.STOPPED:
            await gateway.stop()
    return ending


async def _reload(gateway: Gateway) -> None:
    """SIGHUP; what is wrong stands in the log already."""
    with contextlib.suppress(LocalError):
        await gateway.reload(by="SIGHUP")
