"""Loopback addresses of a test's own, so that tests run side by side and everybody may have port 5060. Does I/O.

A desk is 256 addresses 127.x.y.0/24. It is held by a socket bound to one of them for as long as the test lives, which
keeps every other process on the machine away from it.
"""

from __future__ import annotations

import os
import random
import socket
from types import TracebackType


class Desk:
    """The addresses of one test, by role."""

    def __init__(self) -> None:
        rng = random.Random(os.urandom(8))
        for _ in range(100):
            prefix = f"127.{rng.randrange(20, 250)}.{rng.randrange(1, 255)}"
            guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                guard.bind((f"{prefix}.254", 9))
            except OSError:
                guard.close()
                continue
            self._guard, self._prefix = guard, prefix
            return
        raise RuntimeError("no free loopback addresses: 100 were tried")

    def host(self, number: int) -> str:
        """Address `number` of the desk, 1..250."""
        return f"{self._prefix}.{number}"

    @property
    def access(self) -> str:
        """The gateway's side towards the SBC."""
        return self.host(1)

    @property
    def core(self) -> str:
        """The gateway's side towards the centre."""
        return self.host(2)

    @property
    def caller(self) -> str:
        """The SBC, or a handset behind it."""
        return self.host(10)

    @property
    def centre(self) -> str:
        """The voice call centre."""
        return self.host(20)

    @property
    def second_centre(self) -> str:
        """The centre of the second route."""
        return self.host(21)

    @property
    def agent(self) -> str:
        """The agent's desk phone."""
        return self.host(30)

    @property
    def colleague(self) -> str:
        """Another agent's desk phone."""
        return self.host(31)

    @property
    def seat(self) -> str:
        """The agent's video client."""
        return self.host(40)

    @property
    def stranger(self) -> str:
        """A source that the gateway does not know."""
        return self.host(66)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._guard.close()
