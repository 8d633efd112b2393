"""Set-up time of calls while strangers ask the API for documents, against the time without them. Does I/O.

    python -m bench.storm                       600 connections over loopback
    python -m bench.storm --connections 200

Callers come at an even rate, first alone, then beside the strangers, then alone again. Half of the strangers keep their
connection and ask again as soon as they have their answer; the others connect anew each time. Both measurements are of
one run, so their ratio says what the API costs calls, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bench.bed import Bed, bed, say
from bench.report import Report, judge
from bench.systems import MEASURED_CORE, PLAYING_CORE, System, pinned
from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway

CONNECTIONS, RATE, PART_S, HELD_MS = 600, 20.0, 8.0, 300
PORT = 8080
WARM_UP_S = 1.5
BUDGET = 3.0  # the 95th percentile beside the storm, against that without
PATHS = ("/v1/openapi.json", "/console/console.js", "/v1/me", "/v1/calls")


class _ServedGateway(Gateway):
    """The gateway with its API open to the network."""

    def configuration(self) -> str:
        return f'{super().configuration()}\n[api]\nlisten = ["{self.desk.access}:{PORT}"]\ninsecure = true\n'


@contextmanager
def served(desk: Desk) -> Iterator[int]:
    """The gateway on one core; yields its process id."""
    gateway = _ServedGateway(desk, {"log_level": "error", "answer_limit_s": 30, "workers": 1})
    with pinned(MEASURED_CORE):
        gateway.start()
    try:
        yield gateway.process.pid
    finally:
        gateway.stop()


async def storm(host: str, connections: int) -> None:
    """Strangers, until somebody ends this process; prints how many answers they got, each second."""
    answers = [0]
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(_stranger(host, number, answers))
        while True:
            await asyncio.sleep(1.0)
            print(answers[0], flush=True)


async def _stranger(host: str, number: int, answers: list[int]) -> None:
    request = f"GET {PATHS[number % len(PATHS)]} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, PORT)
            try:
                while True:
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                    await reader.readexactly(length)
                    answers[0] += 1
                    if number % 2:
                        break
            finally:
                writer.close()
        except (OSError, EOFError, ValueError):
            await asyncio.sleep(0.1)


@contextmanager
def strangers(host: str, connections: int) -> Iterator[None]:
    """A storm beside what is played."""
    command = [sys.executable, "-m", "bench.storm", "--at", host, "--connections", str(connections)]
    with pinned(PLAYING_CORE), subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(WARM_UP_S)
            yield
        finally:
            process.kill()
            said = process.stdout.read().split() if process.stdout else []
            say(f"    strangers got {said[-1] if said else 0} answers in {len(said)} s")


def play(made: Bed, seconds: float) -> list[float]:
    """Set-up times in ms, in order of size; a call that was never set up counts as endless."""
    calls = round(RATE * seconds)
    caller = made.call(calls, RATE, HELD_MS)
    end = time.monotonic() + seconds + 15
    while caller.running and time.monotonic() < end:
        time.sleep(0.1)
    caller.stop()
    times = made.times_ms(caller)
    return times + [float("inf")] * (calls - len(times))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="of strangers (%(default)s)")
    parser.add_argument("--at", default="", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.at:
        asyncio.run(storm(wanted.at, wanted.connections))
    parts: dict[str, list[float]] = {}
    hosts: list[str] = []
    with bed(System("splitter", partial(_noting, hosts))) as made:
        (host,) = hosts
        play(made, 2.0)
        parts["alone"] = play(made, PART_S)
        with strangers(host, wanted.connections):
            parts[f"beside {wanted.connections} connections"] = play(made, PART_S)
        parts["alone again"] = play(made, PART_S)
    report(parts)


@contextmanager
def _noting(hosts: list[str], desk: Desk) -> Iterator[int]:
    hosts.append(desk.access)
    with served(desk) as pid:
        yield pid


def report(parts: dict[str, list[float]]) -> None:
    """The table and the verdict."""
    alone, beside, again = parts.values()
    ratio = _at(beside, 0.95) / max(_at(alone, 0.95), _at(again, 0.95))
    marks = (0.5, 0.95, 0.99)
    rows = [[name, f"{len(times)}", *(f"{_at(times, mark):.1f}" for mark in marks)] for name, times in parts.items()]
    Report(
        name="storm",
        title="Set-up time while strangers ask the API",
        columns=["calls", "number", "median ms", "p95 ms", "p99 ms"],
        rows=rows,
        budget=f"the 95th percentile beside them at most {BUDGET:g} times that without: it is {ratio:.2f} times",
        verdict=judge(ratio, BUDGET),
        notes=[
            f"Voice calls at {RATE:g}/s, INVITE to 200, written down by SIPp; the gateway on one core, SIPp and the "
            "strangers on the other. Half of the strangers keep their connections, half connect for each request.",
        ],
        values={"ms": parts, "ratio": ratio},
    ).publish()


def _at(times: list[float], quantile: float) -> float:
    return times[min(len(times) - 1, int(quantile * len(times)))]


if __name__ == "__main__":
    main()
