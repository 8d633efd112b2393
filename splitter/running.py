"""A run of the gateway: from its start to the order that ends it. Does I/O: signals.

SIGTERM and SIGINT drain and stop it, SIGUSR1 and `splitter restart` leave its calls to the process that comes after it
(docs/decisions/0020), SIGHUP takes what has changed in the configuration. In a cluster it begins as a standby, and ends
when another host has taken over, or is to take over (docs/decisions/0021).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from splitter.app import Gateway
from splitter.cluster.membership import Membership
from splitter.cluster.tenure import LeaseState, NodeStanding
from splitter.config.model import Settings
from splitter.core.errors import ConfigError, LocalError
from splitter.core.garbage import Collector, FullLook
from splitter.core.ids import IdSource
from splitter.media.worker.process import reap
from splitter.transport.tasks import Tasks

_YOUNG = 5000  # new objects for the garbage collector to look at: a few milliseconds
_FEW_CALLS = 20  # among so many, it may look at everything
_HANDING_S = 1.0  # the voice goes on here until the address has moved
_ANSWER_S = 0.2  # for the answer to whoever asked for a restart
_STOPS = (signal.SIGTERM, signal.SIGINT)


class Ending(Enum):
    """How the gateway ended."""

    STOPPED = "stopped"
    LEFT = "left"  # its calls live on, for the process that comes after it
    AGAIN = "again"  # likewise, and this process is to begin anew with the configuration as it is now
    FENCED = "fenced"  # another host has its calls; this process is to begin anew, as a standby
    HANDED_OVER = "handed-over"  # another host is to take its calls; likewise


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

    async def obey(self, membership: Membership) -> None:
        """End what another host has, or is to have."""
        while True:
            standing = await membership.changed()
            if standing is NodeStanding.FENCED:
                self._give(Ending.FENCED)
            elif membership.giving:
                self._give(Ending.HANDED_OVER)

    async def given(self) -> Ending:
        """Wait for the next one."""
        await self._given.wait()
        self._given.clear()
        return self._ending

    @property
    def stop_waits(self) -> bool:
        """It was told to stop, and has not been asked since."""
        return self._given.is_set() and self._ending is Ending.STOPPED

    def _give(self, ending: Ending) -> None:
        if not self.stop_waits:
            self._ending = ending
        self._given.set()


async def run(
    settings: Settings, reread: Callable[[], Settings], ready: Callable[[str], None] = lambda _: None
) -> Ending:
    """Run the gateway until SIGTERM or SIGINT, of which a second one does not wait for calls, or until it is to leave
    its calls to another process: then the caller must end this one without a word, and begin it anew unless it is LEFT.

    Args:
        reread: reads the configuration again. Raises ConfigError.
        ready: called, with words for the service manager, once calls are taken, or waited for as a standby.
    """
    reap()
    orders = _Orders(reread)
    membership = _membership(settings)
    gateway = Gateway(settings, orders.restart, reread, membership)
    reloads = Tasks()
    Collector(_YOUNG, FullLook(_FEW_CALLS), lambda: len(gateway.floor.calls)).start()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, orders.stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)  # one may wait since the process before this one: see _hand_on
    loop.add_signal_handler(signal.SIGUSR1, orders.leave)
    loop.add_signal_handler(signal.SIGHUP, lambda: reloads.start(_reload(gateway), "reload"))
    if membership is None:
        ending = await _serve(gateway, orders, lambda: ready(f"{len(settings.trunks)} trunks"))
    else:
        ending = await _be_a_node(settings, gateway, membership, orders, ready)
    if ending not in (Ending.STOPPED, Ending.LEFT):
        await _hand_on(orders)
    return ending


async def _hand_on(orders: _Orders) -> None:
    """Let a signal to stop, from here on or while the calls were left, wait for what this process becomes.

    A blocked signal that waits is still there after execve (signal(7)); a handled one would be lost.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    await asyncio.sleep(0.01)  # what has come already is heard by the loop
    if orders.stop_waits:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


async def _be_a_node(
    settings: Settings, gateway: Gateway, membership: Membership, orders: _Orders, ready: Callable[[str], None]
) -> Ending:
    """Run as one of a cluster: as a standby, and then as the node."""
    told = await _stand_by(gateway, membership, orders, ready)
    if told is not None:
        return told
    obeying = asyncio.create_task(orders.obey(membership), name="lease")
    try:
        ending = await _serve(gateway, orders, lambda: ready(f"node {settings.cluster.node}, active"))
    except BaseException:
        await membership.give(LeaseState.FREE)  # another host may fare better
        raise
    finally:
        obeying.cancel()
    await _give_back(gateway, membership, ending)
    return ending


async def _serve(gateway: Gateway, orders: _Orders, ready: Callable[[], None]) -> Ending:
    """Take calls until told to end."""
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
        elif ending is Ending.FENCED:
            await gateway.cut()
        else:
            await gateway.leave()
    finally:
        if ending is Ending.STOPPED:
            await gateway.stop()
    return ending


# ---- in a cluster ----------------------------------------------------------------------------------------------------


def _membership(settings: Settings) -> Membership | None:
    if not settings.cluster.node:
        return None
    return Membership(settings.cluster, IdSource().tag(), Path(settings.media.socket_dir) / "lease")


async def _stand_by(
    gateway: Gateway, membership: Membership, orders: _Orders, ready: Callable[[str], None]
) -> Ending | None:
    """Wait until this process is the node. Returns: what it was told to do instead; None where it is the node.

    Raises:
        LocalError: it cannot be.
    """
    await gateway.stand_by()
    membership.start()
    told = asyncio.ensure_future(orders.given())
    let_go = False
    try:
        while not membership.holds:
            change = asyncio.ensure_future(membership.changed())
            await asyncio.wait({change, told}, return_when=asyncio.FIRST_COMPLETED)
            if told.done():
                change.cancel()
                if told.result() is Ending.STOPPED:
                    await gateway.stand_down()
                await membership.give(LeaseState.FREE)
                return told.result()
            change.result()
            if membership.elsewhere and not let_go:
                let_go = True
                await gateway.let_go()
            if not membership.holds:
                ready(f"node {membership.settings.node}, standby")
    except LocalError:
        await gateway.stand_down()
        raise
    finally:
        told.cancel()
    return None


async def _give_back(gateway: Gateway, membership: Membership, ending: Ending) -> None:
    """Say what becomes of the lease."""
    if ending in (Ending.LEFT, Ending.AGAIN):
        await membership.give(LeaseState.LEAVING)
    elif ending is not Ending.FENCED:
        await membership.give(LeaseState.FREE)
    if ending is Ending.HANDED_OVER:
        await asyncio.sleep(_HANDING_S)
        await gateway.cut()


async def _reload(gateway: Gateway) -> None:
    """SIGHUP; what is wrong stands in the log already."""
    with contextlib.suppress(LocalError):
        await gateway.reload(by="SIGHUP")
