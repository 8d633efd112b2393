"""What the event loop knows of the lease: it waits until this process is the node, and hears when it is no longer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from splitter.cluster.keeper import Keeper
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.tenure import HOLDING, LeaseState, NodeStanding
from splitter.core.errors import LocalError


class Membership:
    """One process as a candidate for one node.

    Args:
        tag: of this start of the process; no other has it.
        memory: see `Keeper`.

    Attributes:
        giving: the node is to be handed over to another host.
    """

    def __init__(self, settings: ClusterSettings, tag: str, memory: Path) -> None:
        self.settings = settings
        self._keeper = Keeper(settings, tag, memory, self._changed)
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.giving = False

    def start(self) -> None:
        """Begin to ask for the lease."""
        self._loop = asyncio.get_running_loop()
        self._keeper.start()

    async def give(self, state: LeaseState) -> None:
        """Ask no longer, and say what becomes of our lease, if we have it."""
        await asyncio.to_thread(self._keeper.stop, state)

    async def changed(self) -> NodeStanding:
        """Wait for the next change of standing, or of who else is the node.

        Raises:
            LocalError: this process cannot be one of the cluster.
        """
        await self._news.wait()
        self._news.clear()
        if self._keeper.standing is NodeStanding.REFUSED:
            raise LocalError(self._keeper.alarm)
        return self._keeper.standing

    def hand_over(self) -> None:
        """Give the node, and its calls, to another host.

        Raises:
            LocalError: there is nothing to give, or nobody who would take it.
        """
        if self._keeper.standing is not NodeStanding.ACTIVE:
            raise LocalError(f"node {self.settings.node} cannot be handed over: this host is {self._keeper.standing}")
        if not self._keeper.standbys:
            raise LocalError(f"node {self.settings.node} cannot be handed over: no other host stands by")
        self.giving = True
        self._news.set()

    def hurry(self) -> None:
        """Ask for the lease now: somebody has seen that something is wrong with it."""
        self._keeper.hurry()

    @property
    def holds(self) -> bool:
        """True while this process is the node."""
        return self._keeper.standing in HOLDING

    @property
    def elsewhere(self) -> bool:
        """True where another host is known to be the node."""
        return not self.holds and self._keeper.holder not in ("", self.settings.host)

    @property
    def owner(self) -> str:
        """Name of this process in the lease."""
        return self._keeper.owner

    @property
    def continued(self) -> bool:
        """True where the node was on this host before."""
        return self._keeper.continued

    @property
    def standbys(self) -> tuple[str, ...]:
        """Hosts that wait for our lease."""
        return self._keeper.standbys

    @property
    def fence(self) -> int:
        """Number of our lease; 0 where we have none."""
        return self._keeper.fence

    @property
    def alarm(self) -> str:
        """Alarm in plain words; "" where nothing is wrong."""
        return self._keeper.alarm

    @property
    def standing(self) -> NodeStanding:
        """Relation of this process to its node."""
        return self._keeper.standing

    def _changed(self, _: NodeStanding) -> None:
        """Called by the thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._news.set)
