"""A run of chaos: calls begin, change and end while processes are killed and the store is spoilt; and its judge. Does I/O."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from splitter.lab.agent_call import AgentCall
from splitter.lab.gateway import GatewayProcess
from tests.chaos.crowd import CALLED, HOST, Conversation, Town
from tests.chaos.remains import left_at_last, rows_of, workers_of
from tests.cluster.server import Server, short_folder
from tests.patience import eventually

PATIENCE_S = 90.0  # a transaction has 32 s of its own, and the machine may be busy
_FULL_BYTES = 4096
_BUSY = (408, 481, 491, 500, 503)


@dataclass(frozen=True, slots=True)
class Setting:
    """One run.

    Attributes:
        seconds: of mishaps; the endings take some more.
        calls: so many live at a time.
        pause_s: between two mishaps, at least and at most.
        valkey: the gateway is a node with a Valkey, which dies as well, with all that it holds.
    """

    seed: int
    seconds: float = 600.0
    calls: int = 100
    pause_s: tuple[float, float] = (2.0, 6.0)
    valkey: bool = True


@dataclass(slots=True)
class Result:
    """What came of a run; no faults is what it should be."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Chaos:
    """A run in progress."""

    def __init__(self, setting: Setting, directory: Path) -> None:
        self.setting = setting
        self.result = Result()
        self._dice = random.Random(f"{setting.seed} mishaps")
        self._town = Town(random.Random(f"{setting.seed} centre"), ring_s=1.5)
        self._directory = directory
        self._gateway: GatewayProcess | None = None
        self._valkey: Server | None = None
        self._ends_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def gateway(self) -> GatewayProcess:
        assert self._gateway is not None
        return self._gateway

    async def play(self) -> Result:
        """From the first call to the last look at what is left."""
        await self._town.start()
        most = self.setting.calls * 2 + 50
        stack, more = ExitStack(), ""
        if self.setting.valkey:
            self._valkey = stack.enter_context(Server(stack.enter_context(short_folder())))
            more = f'[cluster]\nnode = "a"\nhost = "A"\nvalkey = ["{self._valkey.url}"]\n'
        where = self._directory, self._town.centre.address
        self._gateway = GatewayProcess(*where, CALLED, HOST, more, calls=most, workers=2)
        try:
            await self.gateway.start()
            self._ends_at = time.monotonic() + self.setting.seconds
            callers = asyncio.create_task(self._callers())
            await self._mishaps()
            await callers
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=3 * PATIENCE_S)
            await self._judge()
        finally:
            status = await self.gateway.stop()
            await self._town.stop()
            stack.close()
        if status != 0:
            self.result.faults.append(f"the gateway ended with {status}")
        return self.result

    # ---- calls ---------------------------------------------------------------------------------------------------

    async def _callers(self) -> None:
        """Keep so many calls alive."""
        number = 0
        while time.monotonic() < self._ends_at:
            if len(self._tasks) < self.setting.calls:
                number += 1
                self._begin(self._life(random.Random(f"{self.setting.seed} call {number}")))
            await asyncio.sleep(0.05 if number < self.setting.calls else 0.1)

    def _begin(self, life: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.result.faults.append(f"a script failed: {error!r}")

    async def _life(self, dice: random.Random) -> None:
        """One call, from its INVITE to its end."""
        call = self._town.call(self.gateway.access)
        try:
            outcome = await call.caller.answered(PATIENCE_S)
        except TimeoutError:
            self._blame(call, "the INVITE never got a final answer")
            return
        if not outcome.accepted:
            self.result.counts[f"refused {outcome.status}"] += 1
            await self._centre_hears(call)
            return
        self.result.counts["answered"] += 1
        for _ in range(dice.randrange(1, 6)):
            await asyncio.sleep(dice.uniform(0.5, 6.0))
            if call.caller.state == "ended":
                break
            await self._change(call, dice)
        await self._end(call, dice)

    async def _change(self, call: Conversation, dice: random.Random) -> None:
        """Hold, resume, or digits; of either side. Every request gets a final answer."""
        side, phone = (call.caller, call.phone) if dice.random() < 0.5 else (call.inside, call.desk_phone)
        if side is None or phone is None or side.state != "confirmed":
            return
        try:
            if dice.random() < 0.3:
                outcome = await side.inform("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", PATIENCE_S)
            else:
                phone.held = not phone.held
                outcome = await side.reoffer(PATIENCE_S)
        except TimeoutError:
            self._blame(call, "a request never got a final answer")
            return
        self.result.counts[f"changed {outcome.status}"] += 1
        if not outcome.accepted and outcome.status not in (*_BUSY, 415):
            self._blame(call, f"a change was refused with {outcome.status} {outcome.reason}")

    async def _end(self, call: Conversation, dice: random.Random) -> None:
        """Somebody hangs up; the ending is answered, and the other side hears of it."""
        if call.caller.state == "ended":
            self._blame(call, "the answered call was lost")
            return
        ending: AgentCall | None = call.caller if dice.random() < 0.5 else call.inside
        if ending is None or ending.state != "confirmed":
            self._blame(call, "the answered call was lost at the centre")
            ending = call.caller
        call.wanted = False
        try:
            outcome = await ending.hang_up(PATIENCE_S)
        except TimeoutError:
            self._blame(call, "the BYE never got an answer")
            return
        self.result.counts["ended"] += 1
        if outcome is not None and outcome.status != 200:
            self._blame(call, f"the BYE was answered with {outcome.status} {outcome.reason}")
        other = call.inside if ending is call.caller else call.caller
        if other is not None:
            try:
                await other.ended(PATIENCE_S)
            except TimeoutError:
                self._blame(call, "the other side never heard of the end")

    async def _centre_hears(self, call: Conversation) -> None:
        if call.inside is not None:
            try:
                await call.inside.ended(PATIENCE_S)
            except TimeoutError:
                self._blame(call, "the centre never heard that it is over")

    def _blame(self, call: Conversation, text: str) -> None:
        self.result.faults.append(f"{text}; {call}")

    # ---- mishaps -------------------------------------------------------------------------------------------------

    async def _mishaps(self) -> None:
        """One after the other; the last leaves time to come back."""
        kinds = ["kill", "kill", "kill", "worker", "worker", "both", "deleted", "corrupted", "full"]
        kinds += ["valkey", "valkey", "valkey and kill"] if self._valkey else []
        while time.monotonic() < self._ends_at - 2:
            await asyncio.sleep(self._dice.uniform(*self.setting.pause_s))
            kind = self._dice.choice(kinds)
            self.result.counts[f"mishap {kind}"] += 1
            match kind:
                case "kill":
                    await self._kill()
                case "worker":
                    self._kill_worker()
                case "both":
                    self._kill_worker()
                    await self._kill()
                case "full":
                    await self._fill()
                case "valkey":
                    await self._kill_valkey()
                case "valkey and kill":
                    await asyncio.gather(self._kill_valkey(), self._kill())
                case _:
                    self._spoil(kind)
                    await self._store_whole()

    async def _kill(self) -> None:
        await self.gateway.kill()
        await asyncio.sleep(self._dice.uniform(0, 0.5))
        await self.gateway.start()

    async def _kill_valkey(self) -> None:
        """It comes back with nothing in it."""
        assert self._valkey is not None
        await asyncio.to_thread(self._valkey.kill)
        await asyncio.sleep(self._dice.uniform(0, 2.0))
        await asyncio.to_thread(self._valkey.start)

    def _kill_worker(self) -> None:
        if found := workers_of(self._directory):
            with suppress(ProcessLookupError):
                os.kill(self._dice.choice(sorted(found)), signal.SIGKILL)

    def _spoil(self, kind: str) -> None:
        for path in self._directory.glob("live.db*") if kind == "deleted" else ():
            path.unlink(missing_ok=True)
        if kind == "corrupted":
            with (self._directory / "live.db").open("r+b") as file:
                file.write(b"\xff" * 8192)

    async def _fill(self) -> None:
        """No file of the gateway can grow any more, for a moment."""
        _, hard = resource.prlimit(self.gateway.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.gateway.pid, resource.RLIMIT_FSIZE, (_FULL_BYTES, hard))
        await asyncio.sleep(2.0)
        resource.prlimit(self.gateway.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await self._store_whole()

    async def _store_whole(self) -> None:
        """Wait until a store that was spoilt holds every call that lives: nobody is killed before."""
        await eventually(self._all_kept, 0.2)

    async def _all_kept(self) -> bool:
        with suppress(sqlite3.Error):
            kept = set(rows_of(self._directory))
            calls = (await self.gateway.get("/v1/calls?limit=1000"))["calls"]
            return kept >= {call["call_id"] for call in calls if call["state"] == "connected"}
        return False

    # ---- the judge -----------------------------------------------------------------------------------------------

    async def _judge(self) -> None:
        """Nothing is left over anywhere."""
        self.result.faults += [f"left behind: {one}" for one in await left_at_last(self.gateway, PATIENCE_S)]
        if self._valkey is not None and (kept := self._valkey.command("HKEYS", "splitter:calls:a")):
            self.result.faults.append(f"left behind: {len(kept)} records in Valkey")
        for call in self._town.calls:
            if not call.over:
                self._blame(call, "somebody still thinks that it lives")
