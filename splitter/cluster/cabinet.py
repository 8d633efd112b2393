"""A cabinet in Valkey beside the one on disk: what must not be forgotten or done twice goes where its node goes.

Does I/O on a thread of its own. Whoever keeps something waits for the disk, and for Valkey as long as it answers; where
it does not, what was kept is handed in once it does. Each write carries the fence of the lease, as those of records do:
a process that was overtaken keeps nothing, and so does nothing either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol

import structlog

from splitter.cluster.keys import ClusterKeys
from splitter.cluster.records import LeaseHolder
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Script, Valkey, ValkeyError
from splitter.core.errors import SplitterError
from splitter.transport.tasks import Tasks

LOOK_S = 2.0  # between two looks whether all that was kept is still there
READ_TRIES = 3
_STEP = 200  # values that one script writes

log = structlog.get_logger(__name__)

_WRITE = Script("""
local lease = redis.call('HMGET', KEYS[1], 'fence', 'owner')
if not lease[1] then return {'flushed', 0} end
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return {'overtaken', 0} end
local at = 3
while ARGV[at] do
    if ARGV[at] == 'k' then redis.call('HSET', KEYS[2], ARGV[at + 1], ARGV[at + 2])
    else redis.call('HDEL', KEYS[2], ARGV[at + 1]) end
    at = at + 3
end
return {'ok', redis.call('HLEN', KEYS[2])}
""")


class CabinetError(SplitterError):
    """Nothing is kept: another process is this node now, or what it has left cannot be read."""


class Candidate(LeaseHolder, Protocol):
    """Process that is the node: `splitter.cluster.membership.Membership`."""

    @property
    def continued(self) -> bool: ...


class LocalCabinet(Protocol):
    """The cabinet on this host: `splitter.store.cabinet.Cabinet`."""

    async def put(self, key: str, data: bytes) -> None: ...

    async def drop(self, keys: list[str]) -> None: ...

    async def all(self) -> dict[str, bytes]: ...

    async def close(self) -> None: ...


class SharedCabinet:
    """Values of one kind, on this host and in Valkey.

    Args:
        what: the kind; part of the name of the key.

    Attributes:
        alarm: why a host that takes over would not know what is kept; "" while it would.
    """

    def __init__(self, local: LocalCabinet, what: str, settings: ClusterSettings, holder: Candidate) -> None:
        keys = ClusterKeys(settings.prefix)
        self._local = local
        self._what = what
        self._holder = holder
        self._keys = (keys.lease(settings.node), keys.kept(settings.node, what))
        self._valkey = Valkey(settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"cabinet of {what}")
        self._tasks = Tasks()
        self._held: dict[str, bytes] = {}
        self._waiting: dict[str, bytes | None] = {}  # what Valkey has not been told yet; None: forget it
        self._away = True
        self.alarm = ""

    async def put(self, key: str, data: bytes) -> None:
        """Keep it instead of what was there.

        Raises:
            StoreError: it could not be written on this host.
            CabinetError: another process is this node now.
        """
        await self._local.put(key, data)
        self._held[key] = self._waiting[key] = data
        if not self._away:
            await self._hand_in()

    async def drop(self, keys: list[str]) -> None:
        """Keep these no longer. Raises as `put`."""
        await self._local.drop(keys)
        for key in keys:
            self._held.pop(key, None)
            self._waiting[key] = None
        if not self._away:
            await self._hand_in()

    async def all(self) -> dict[str, bytes]:
        """Read what is kept, and begin to look after it. What the last process of this node kept goes before the rest.

        Raises:
            StoreError: what was kept on this host cannot be read.
            CabinetError: another host was the node, and what it has kept cannot be read.
        """
        here, there = await self._local.all(), await self._read()
        continued = self._holder.continued
        if there is None and not continued:
            raise CabinetError(self.alarm)
        shared = there or {}
        self._held = {**shared, **here} if continued else {**here, **shared}
        for key, data in shared.items():
            if here.get(key) != data and not continued:
                await self._local.put(key, data)
        self._waiting = dict(self._held)
        await self._look_once()
        self._tasks.start(self._look(), f"cabinet of {self._what}")
        return dict(self._held)

    async def close(self) -> None:
        """Keep nothing more."""
        await self._tasks.stop()
        if self._waiting:
            await self._look_once()
        await self._on_thread(self._valkey.close)
        self._thread.shutdown(wait=False)
        await self._local.close()

    # ---- inner ---------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look_once()

    async def _look_once(self) -> None:
        """Hand in what is not there: Valkey was away, or has lost it."""
        with suppress(CabinetError):  # the lease is looked after; whoever keeps something hears of it
            await self._hand_in()

    async def _read(self) -> dict[str, bytes] | None:
        for _ in range(READ_TRIES):
            try:
                flat = await self._on_thread(lambda: self._valkey.command("HGETALL", self._keys[1]))
            except ValkeyError as error:
                self._failed(str(error))
            else:
                return {key.decode(errors="replace"): data for key, data in zip(flat[::2], flat[1::2], strict=True)}
        return None

    async def _hand_in(self) -> None:
        """Tell Valkey what waits, and see whether the rest is still there."""
        batch = dict(self._waiting)
        try:
            said, count = await self._on_thread(lambda: self._write(batch))
        except ValkeyError as error:
            self._failed(str(error))
            return
        if said == "overtaken":
            self._holder.hurry()
            raise CabinetError("another process is this node now")
        if said != "ok":
            self._failed("Valkey has lost what it held")
            return
        self._away, self.alarm = False, ""
        for key, data in batch.items():
            if self._waiting.get(key, b"") is data:
                del self._waiting[key]
        if not self._waiting and count < len(self._held):
            self._waiting = dict(self._held)  # some of it is gone; the next look hands it in

    def _write(self, batch: dict[str, bytes | None]) -> tuple[str, int]:
        rest = iter(batch.items())
        while True:
            words = list(_words(islice(rest, _STEP)))
            said, count = self._valkey.run(_WRITE, self._keys, [str(self._holder.fence), self._holder.owner, *words])
            if said != b"ok" or len(words) < 3 * _STEP:
                return said.decode(), int(count)

    def _failed(self, reason: str) -> None:
        if not self._away:
            log.warning("what is kept here is not in Valkey", what=self._what, reason=reason)
        self._away = True
        self.alarm = f"{self._what} of this node are on this host alone: {reason}"

    async def _on_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _words(values: Iterable[tuple[str, bytes | None]]) -> Iterable[str | bytes]:
    for key, data in values:
        yield from ("d", key, b"") if data is None else ("k", key, data)
