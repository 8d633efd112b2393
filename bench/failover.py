"""A host is cut off under a live call: how long is the voice silent? And what records cost, on the disk and in Valkey.

Two hosts in network namespaces (tests/cluster/site.py), keepalived with the file of sipconf/keepalived. The gap is the
longest silence between two packets of one stream that left the node's address, of all streams: voice both ways, video.
The host that was cut comes back as a standby, and then the other one is cut. `python -m bench.failover [RUNS]`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.report import Report, judge
from splitter.cluster.records import ValkeyShelf
from splitter.store.gathering import Gatherer
from splitter.store.live import LiveStore
from tests.cluster.server import Server, short_folder
from tests.cluster.site import Site, site
from tests.patience import until

RUNS = 50
BUDGET_S = 3.0
CALLS, CHANGES = 1000, 20


@dataclass
class Cost:
    """What was spent on records.

    Attributes:
        change_us: CPU of one change, of the event loop and the thread.
        call_bytes: that are kept of one call.
    """

    change_us: float
    call_bytes: int


async def gaps_of(one: Site, runs: int) -> list[float]:
    """The longest silence of each run."""
    talking = await one.call()
    active, other = "A", "B"
    gaps = []
    for number in range(runs):
        await standing_by(one, active, other)
        await asyncio.sleep(0.1 + (number % 7) * 0.11)  # at any moment between two renewals
        one.sniffer.reset()
        one.net.cut(active)
        await one.hosts[other].gateway.reaches("running")
        await talking.heard_again()
        gaps.append(max(stream.gap_s for stream in one.sniffer.steady().values()))
        print(f"{number + 1}: {gaps[-1]:.2f} s", flush=True)
        one.net.mend(active)
        active, other = other, active
    return gaps


async def standing_by(one: Site, active: str, other: str) -> None:
    """Wait until the other host would take over."""
    gateway = one.hosts[active].gateway
    await one.hosts[other].gateway.reaches("standby")
    while (await gateway.get("/v1/cluster"))["nodes"][0]["standby"] != [other]:  # noqa: ASYNC110 — it is another process
        await asyncio.sleep(0.05)
    await until(lambda: one.net.has_address(active) and not one.net.has_address(other))
    await asyncio.sleep(1.5)  # it has watched for as long as it has to


def cost_of(store: Gatherer, record: bytes) -> float:
    """CPU of one change, in microseconds: calls that change one after the other, as they do in life."""
    began = time.process_time()
    for change in range(CHANGES):
        for call in range(CALLS):
            store.keep(f"call-{call}", record[:-4] + change.to_bytes(4, "big"))
        assert store.flush(60)
    return (time.process_time() - began) / (CHANGES * CALLS) * 1e6


class Writer:
    """Who holds the lease."""

    owner, fence = "A m t", 7

    def hurry(self) -> None:
        """There is nothing to look after."""


def costs(record: bytes) -> dict[str, Cost]:
    """On the disk, and in Valkey."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "live.db"
        disk = LiveStore(path)
        disk.start()
        spent = cost_of(disk, record)
        disk.stop()
        found["SQLite"] = Cost(spent, path.stat().st_size // CALLS)
    with short_folder() as folder, Server(folder) as server:
        server.command("HSET", "p:lease:a", "fence", Writer.fence, "owner", Writer.owner)
        with closing(ValkeyShelf(server.settings(), Writer())) as shelf:
            store = Gatherer(shelf)
            store.start(Writer.fence)
            spent = cost_of(store, record)
            store.stop()
        used = server.command("MEMORY", "USAGE", "p:calls:a", "SAMPLES", 0)
        found["Valkey"] = Cost(spent, int(used) // CALLS)
    return found


async def measured(runs: int) -> tuple[list[float], bytes]:
    """The gaps, and the record of a live call with voice, video and a seat."""
    async with site() as one:
        gaps = await gaps_of(one, runs)
        [_, value] = one.valkey.command("HGETALL", "splitter:calls:a")
        return gaps, bytes(value[8:])


def main() -> None:
    """Measure, print and write."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    gaps, record = asyncio.run(measured(runs))
    spent = costs(record)
    rows = [[f"gap over {runs} runs: median", f"{statistics.median(gaps):.2f} s"], ["worst", f"{max(gaps):.2f} s"]]
    rows += [["record of a call with voice, video and a seat", f"{len(record)} bytes"]]
    for name, cost in spent.items():
        rows.append([f"{name}: CPU of a change", f"{cost.change_us:.0f} µs"])
        rows.append([f"{name}: kept of a call", f"{cost.call_bytes} bytes"])
    Report(
        "failover",
        "A host is cut off under a live call; what records cost",
        ["", "measured"],
        rows,
        budget=f"the voice is silent for {BUDGET_S:g} s at most",
        verdict=judge(max(gaps), BUDGET_S),
        notes=[
            "Longest silence between two packets of a stream: voice both ways and video. Two hosts in network "
            "namespaces, on one machine; lease_ttl_s = 1.5, keepalived with advert_int 0.1.",
            "CPU of records: event loop and thread together, in batches of 1,000 calls; Valkey's own comes on top.",
        ],
        values={"gaps_s": [round(gap, 3) for gap in gaps]},
    ).publish()


if __name__ == "__main__":
    main()
