"""A system between SIPp callers and a SIPp centre, each at a core of its own. Does I/O."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from bench.systems import PLAYING_CORE, System, pinned
from tests.interop.addresses import Desk
from tests.interop.scene import CALLED, Scene
from tests.interop.sipp import Sipp

FOREVER_S = 900
_MOST_AT_A_TIME = 15_000  # calls of one SIPp


class Bed:
    """A system between SIPp callers and a SIPp centre."""

    def __init__(self, desk: Desk, pid: int, centre_host: str) -> None:
        self.pid = pid
        self._folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self._scene = Scene(desk, self._folder)
        # Some systems' Contact is not to SIPp's liking, so the target of ACK and BYE is written out for all.
        self._load: dict[str, Any] = {"trace": False, "limit_s": FOREVER_S, "record_route": ""}
        self._load["target"] = f"sip:{CALLED}@{desk.access}:5060"
        self._numbers = count()
        self.centre = self._scene.centre("bench-centre", calls=10**7, host=centre_host, **self._load)

    def call(self, calls: int, rate: float, held_ms: int) -> Sipp:
        """Start one more SIPp that makes so many calls, at a port of its own."""
        number = next(self._numbers)
        options = ["-r", f"{rate:g}", "-l", str(_MOST_AT_A_TIME), "-trace_rtt", "-rtt_freq", "1", "-pause_msg_ign"]
        options += ["-default_behaviors", "all,-abortunexp"]  # a 180 that the 200 has overtaken ends no call
        more: dict[str, Any] = {"name": f"caller{number}", "port": 6000 + number, "calls": calls, "held_ms": held_ms}
        return self._scene.caller("bench-caller", "voice", options=options, **more, **self._load)

    def times_ms(self, caller: Sipp) -> list[float]:
        """The set-up times that this SIPp has written down, in order of size."""
        files = list(self._folder.glob(f"{caller.name}_*_rtt.csv"))
        lines = [line.split(";") for file in files for line in file.read_text().splitlines()]
        return sorted(float(fields[1]) for fields in lines if len(fields) > 2 and fields[1][:1].isdigit())

    def close(self) -> None:
        self._scene.close()


@contextmanager
def bed(system: System | None) -> Iterator[Bed]:
    """The system started and SIPp on both its sides; without a system the caller calls the centre itself."""
    with Desk() as desk:
        if system is None:
            with _between(desk, 0, desk.access) as made:
                yield made
        else:
            with system.start(desk) as pid, _between(desk, pid, desk.centre) as made:
                yield made


@contextmanager
def _between(desk: Desk, pid: int, centre_host: str) -> Iterator[Bed]:
    with pinned(PLAYING_CORE):
        made = Bed(desk, pid, centre_host)
        try:
            yield made
        finally:
            made.close()


def say(text: str) -> None:
    """To whoever watches; the results go elsewhere."""
    print(text, file=sys.stderr, flush=True)
