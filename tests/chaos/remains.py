"""What is left of calls that are over: in the gateway, in its workers, in the kernel, in the store. Does I/O."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from splitter.lab.gateway import GatewayProcess, udp_ports

HELD = ("calls", "dialogs", "relays", "rooms", "ports", "tasks")


def workers_of(directory: Path) -> list[int]:
    """The media workers whose socket is in this folder, whoever has begun them."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        if b"splitter.media.worker" in words and any(word.startswith(bytes(directory) + b"/") for word in words):
            found.append(int(command.parent.name))
    return found


def zombies_of(pid: int) -> list[int]:
    """Children of a process that have ended and were never asked for."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[0] == "Z" and int(words[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def rows_of(directory: Path) -> list[str]:
    """The calls that live by the word of the store."""
    path = directory / "live.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        return [call_id for (call_id,) in db.execute("SELECT call_id FROM live")]


async def left_behind(gateway: GatewayProcess) -> list[str]:
    """Whatever there is of calls, in words; nothing should be."""
    status = await gateway.get("/v1/status")
    found = [f"{status[name]} {name} in the gateway" for name in HELD if status[name]]
    found += [f"the record of {call_id}" for call_id in rows_of(gateway.directory)]
    first, last = gateway.media_ports
    for pid in workers_of(gateway.directory):
        if held := [port for port in udp_ports(pid) or () if first <= port <= last]:
            found.append(f"{len(held)} UDP ports in worker {pid}")
    found += [f"the zombie {pid}" for pid in zombies_of(gateway.pid)]
    return found


async def left_at_last(gateway: GatewayProcess, limit_s: float) -> list[str]:
    """What is left when nothing more goes, or the limit has passed."""
    end = time.monotonic() + limit_s
    while (left := await left_behind(gateway)) and time.monotonic() < end:  # noqa: ASYNC110 — nothing tells us
        await asyncio.sleep(0.2)
    return left
