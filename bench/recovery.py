"""Calls taken up again after the gateway was killed: time and memory by their number, and what records cost. Does I/O.

    python -m bench.recovery

The records are those of one answered video call with its room, under other names. They are read from the file, made
calls again and their media claimed, as at a start; SIP and the media engine are in memory, so that what is measured is
our own work. tests/chaos/test_many.py does the same with real processes and neighbours.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from bench.report import Report, judge
from bench.usage import resident_kb
from splitter.calls.persistence.frame import RecordKind, framed, unframed
from splitter.calls.talk import record as talks
from splitter.media.ports.rooms import CarriedParticipant, CarriedRoom, RoomHandle
from splitter.media.ports.voice import CarriedRelay, RelayHandle
from splitter.store.live import LiveStore
from splitter.store.rows import Mark, RecordChange, ShelfContent
from splitter.store.write_ahead import WriteAheadLog
from tests.calls.kit import connected
from tests.world import World

COUNTS = (10, 1000, 10_000)
OF_BUDGET, BUDGET_S = 1000, 2.0
COLLECT_AFTER = 20_000  # as splitter/running.py has it


class Survivor:
    """A media engine that still has whatever a call claims."""

    def __init__(self, engine: Any, members: tuple[CarriedParticipant, ...]) -> None:
        self._engine, self._members = engine, members

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def adopt(self, relay: RelayHandle, on_event: object) -> CarriedRelay:
        return CarriedRelay(relay, self._pointed)

    async def adopt_room(self, room: RoomHandle, on_event: object) -> CarriedRoom:
        places = (replace(one, handle=replace(one.handle, room=room)) for one in self._members)
        return CarriedRoom(room, tuple(places))

    _pointed: tuple[Any, ...] = ()


def named(record: bytes, number: int) -> bytes:
    """The record of another call that is like this one: its ids are others, as long as they were."""
    frame = unframed(record)
    talk = talks.read(frame.body)
    ids = {leg.sip_call_id for leg in talk.legs.values()} | {talk.call_id}
    body, outline = frame.body, frame.outline
    for id in ids:
        other = f"{number:06d}".encode() + id.encode()[6:]
        body, outline = body.replace(id.encode(), other), outline.replace(id.encode(), other)
    return framed(RecordKind.CALL, body, outline)


def take_up(count: int) -> dict[str, float]:
    """Take up so many calls."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with World() as world, tempfile.TemporaryDirectory() as folder:
        connected(world)
        world.run(1)
        [row] = world.rows.values()
        path = Path(folder) / "live.db"
        store = LiveStore(path)
        store.start()
        for number in range(count):
            other = named(row.record, number)
            store.keep(talks.read(unframed(other).body).call_id, other)
        store.stop(120)
        world.kill()
        talk = talks.read(unframed(row.record).body)
        engine = Survivor(world.engine, tuple(CarriedParticipant(one.handle) for one in talk.room.members.values()))
        engine._pointed = tuple(talk.voice.pointed)
        world._ground.engine = engine  # type: ignore[assignment]
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, 20, 20)
        kb, began, cpu = resident_kb(os.getpid()), time.perf_counter(), time.process_time()
        store = LiveStore(path)
        rows = store.start().rows
        read = time.perf_counter()
        world.rows.clear()
        world.rows.update((one.call_id, one) for one in rows)
        found = world.begin_again()
        ended, spent = time.perf_counter(), time.process_time() - cpu
        assert found.taken_up == count, found
        store.stop()
        return {
            "read_s": read - began,
            "all_s": ended - began,
            "cpu_s": spent,
            "kb": resident_kb(os.getpid()) - kb,
            "file_kb": path.stat().st_size / 1024,
        }


def cost() -> dict[str, float]:
    """Of one change of a call: microseconds and bytes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with World() as world, tempfile.TemporaryDirectory() as folder:
        caller, _ = connected(world)
        world.run(1)
        call = world.call_of(caller)
        record, doubt = call.record()[0] or b"", call.doubt(())
        ahead = WriteAheadLog(Path(folder))
        ahead.begin(ShelfContent())
        found = {
            "record_us": _us(call.record),
            "doubt_us": _us(lambda: call.doubt(())),
            "ahead_us": _us(lambda: ahead.append(Mark(0, 1), "a", RecordChange(record))),
            "record_bytes": float(len(record)),
            "doubt_bytes": float(len(doubt)),
        }
        ahead.end()
        store = LiveStore(Path(folder) / "live.db")
        store.start()
        cpu = time.process_time()
        for number in range(1000):
            store.keep(str(number), record)
        store.flush(60)
        found["sqlite_us"] = (time.process_time() - cpu) * 1000
        store.stop()
        return found


def _us(work: Callable[[], object], times: int = 2000) -> float:
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times * 1e6


def main() -> None:
    """Measure each number in a process of its own, print and write."""
    if len(sys.argv) > 1:
        print(json.dumps(take_up(int(sys.argv[1])) if sys.argv[1] != "cost" else cost()))
        return
    parts = [*map(str, COUNTS), "cost"]
    command = [sys.executable, "-m", "bench.recovery"]
    found: dict[str, dict[str, float]] = {
        part: json.loads(subprocess.run([*command, part], check=True, capture_output=True).stdout.splitlines()[-1])
        for part in parts
    }
    one = found["cost"]
    Report(
        name="recovery",
        title="Calls taken up again after the gateway was killed",
        columns=["calls", "read s", "taken up s", "of which CPU s", "memory kB", "file kB"],
        rows=[
            [str(count), *(f"{found[str(count)][key]:.2f}" for key in ("read_s", "all_s", "cpu_s"))]
            + [f"{found[str(count)][key]:.0f}" for key in ("kb", "file_kb")]
            for count in COUNTS
        ],
        budget=f"{OF_BUDGET} calls in {BUDGET_S:g} s of CPU",
        verdict=judge(found[str(OF_BUDGET)]["cpu_s"], BUDGET_S),
        notes=[
            f"A change of a call costs the event loop {one['record_us']:.0f} µs for its record of "
            f"{one['record_bytes']:.0f} bytes, or {one['doubt_us']:.0f} µs more for {one['doubt_bytes']:.0f} bytes of "
            f"what is under way, and {one['ahead_us']:.0f} µs for the log ahead of the file; another thread spends "
            f"{one['sqlite_us']:.0f} µs on the file.",
            "SIP and the media engine are in memory.",
        ],
        values=dict(found),
    ).publish()


if __name__ == "__main__":
    main()
