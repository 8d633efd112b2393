"""A thousand calls over real processes: the gateway is killed, and then its host is cut off. Does I/O.

    python -m bench.many [CALLS] [RUNS]

Neighbours hold so many calls (tests/chaos/crowd.py); in ten of them both sides talk. Killed: the time from the start of
the next process until it takes calls, with all that live taken up and their media claimed; its CPU until then; nobody
may miss a packet. Cut off: two hosts in network namespaces (tests/cluster/site.py), the longest silence of those who
talk. Their records have changed last, so that they are the last ones that are taken up.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.report import Report, judge
from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from tests.chaos.crowd import CALLED, HOST, Conversation, Phone, Town
from tests.cluster.namespaces import LAB
from tests.cluster.site import Site, site
from tests.patience import until

CALLS, RUNS = 1000, 5
TALKING = 10
RATE = 50  # calls a second
PACKET_S = 0.02
TAKE_UP_S, GAP_S = 2.0, 3.0


class Talker(asyncio.DatagramProtocol):
    """One who talks at a phone's port, and notes the longest silence of the other side."""

    def __init__(self, phone: Phone) -> None:
        self.gap_s = 0.0
        self._phone = phone
        self._last_at = 0.0

    async def talk(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        way, _ = await loop.create_datagram_endpoint(lambda: self, (self._phone.local.host, self._phone.local.port))
        number = 0
        try:
            while True:
                number += 1
                if (remote := self._phone.remote) is not None:
                    head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, 7)
                    way.sendto(head + b"\xff" * 160, (remote.host, remote.port))
                await asyncio.sleep(PACKET_S)
        finally:
            way.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        now = time.monotonic()
        if self._last_at:
            self.gap_s = max(self.gap_s, now - self._last_at)
        self._last_at = now

    def reset(self) -> None:
        """Measure from now on."""
        self.gap_s = 0.0


@asynccontextmanager
async def talking(town: Town) -> AsyncIterator[list[Talker]]:
    """Both sides of some calls talk meanwhile."""
    step = max(1, len(town.calls) // TALKING)
    phones = [phone for call in town.calls[::step] for phone in (call.phone, call.desk_phone) if phone is not None]
    talkers = [Talker(phone) for phone in phones]
    tasks = [asyncio.create_task(talker.talk()) for talker in talkers]
    try:
        await asyncio.sleep(1)
        yield talkers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def begun(town: Town, access: Address, count: int) -> None:
    """So many calls live, and are written down."""
    for _ in range(count):
        town.call(access)
        await asyncio.sleep(1 / RATE)
    await until(lambda: all(call.connected for call in town.calls), 0.1)
    await asyncio.sleep(1)


async def over(calls: list[Conversation]) -> int:
    """All hang up. Returns: how many endings were answered."""
    answered = 0
    for start in range(0, len(calls), RATE):
        outcomes = await asyncio.gather(*(call.caller.hang_up(limit_s=60) for call in calls[start : start + RATE]))
        answered += sum(outcome is not None and outcome.status == 200 for outcome in outcomes)
    return answered


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def killed(count: int, runs: int) -> dict[str, list[float]]:
    """On one host; `ready_s`, `cpu_s` and `gap_s` of each run."""
    found: dict[str, list[float]] = {"ready_s": [], "cpu_s": [], "gap_s": []}
    town = Town(random.Random(1))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="many-")))
        await town.start()
        stack.push_async_callback(town.stop)
        gateway = GatewayProcess(folder, town.centre.address, CALLED, HOST, calls=count + 10)
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        await begun(town, gateway.access, count)
        async with talking(town) as talkers:
            for _ in range(runs):
                for talker in talkers:
                    talker.reset()
                await gateway.kill()
                began = time.monotonic()
                await gateway.start()
                found["ready_s"].append(time.monotonic() - began)
                found["cpu_s"].append(cpu_s(gateway.pid))
                assert (await gateway.get("/v1/status"))["calls"] == count
                await asyncio.sleep(2)
                found["gap_s"].append(max(talker.gap_s for talker in talkers))
                print({name: round(values[-1], 2) for name, values in found.items()}, flush=True)
        assert await over(town.calls) == count
    return found


async def cut_off(count: int, runs: int) -> list[float]:
    """Over two hosts; the longest silence of each run."""
    town = Town(random.Random(1), host=LAB)
    async with site(town, count + 10) as one:
        await begun(town, one.hosts["A"].gateway.access, count)
        gaps = []
        active, other = "A", "B"
        async with talking(town) as talkers:
            for _ in range(runs):
                await stands_by(one, active, other)
                for talker in talkers:
                    talker.reset()
                one.net.cut(active)
                await one.hosts[other].gateway.reaches("running")
                await asyncio.sleep(2)
                gaps.append(max(talker.gap_s for talker in talkers))
                print(f"cut off: {gaps[-1]:.2f} s", flush=True)
                assert (await one.hosts[other].gateway.get("/v1/status"))["calls"] == count
                one.net.mend(active)
                active, other = other, active
        assert await over(town.calls) == count
    return gaps


async def stands_by(one: Site, active: str, other: str) -> None:
    """Wait until the other host would take over."""
    await one.hosts[other].gateway.reaches("standby")
    while (await one.hosts[active].gateway.get("/v1/cluster"))["nodes"][0]["standby"] != [other]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await until(lambda: one.net.has_address(active) and not one.net.has_address(other))
    await asyncio.sleep(1.5)


def main() -> None:
    """Measure, print and write."""
    count, runs = (int(word) for word in (*sys.argv[1:], *map(str, (CALLS, RUNS)[len(sys.argv) - 1 :])))
    one, gaps = asyncio.run(killed(count, runs)), asyncio.run(cut_off(count, runs))
    rows = [
        [what, *(f"{pick(values):.2f} s" for pick in (min, statistics.median, max))]
        for what, values in (
            ("killed: until the next process takes calls", one["ready_s"]),
            ("of which CPU of the signalling process", one["cpu_s"]),
            ("killed: longest silence", one["gap_s"]),
            ("host cut off: longest silence", gaps),
        )
    ]
    Report(
        "many",
        f"{count} calls live: the gateway is killed; its host is cut off",
        ["", "least", "median", "worst"],
        rows,
        budget=f"taken up within {TAKE_UP_S:g} s of the start of the process (median)",
        verdict=judge(statistics.median(one["ready_s"]), TAKE_UP_S),
        notes=[
            f"{runs} runs each, real processes; voice calls with descriptions as an SBC and a PBX send them, of which "
            f"{TALKING} talk both ways at 50 packets/s.",
            "Two hosts in network namespaces on one machine, lease_ttl_s = 1.5: all of it, neighbours included, shares "
            f"{os.cpu_count()} cores; load when it ended: {os.getloadavg()[0]:.1f}.",
        ],
        values={**one, "cut_off_s": gaps},
    ).publish()


if __name__ == "__main__":
    main()
