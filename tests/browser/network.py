"""A host of its own for a browser, joined to this one by a cable: it can lose packets, and it can be pulled. Does I/O.

Linux does it: a network namespace and a pair of virtual Ethernet devices. That needs root.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.browser.chromium import PROGRAM


class Network:
    """A context manager: the other host exists inside it.

    Attributes:
        host: our address on the cable; `far`: the other host's.
        program: starts Chromium over there.
    """

    def __init__(self) -> None:
        assert os.geteuid() == 0, "hosts of their own are made by root alone: run these tests as root"
        rng = random.Random(os.urandom(8))
        prefix = f"10.{rng.randrange(200, 250)}.{rng.randrange(1, 255)}"
        self.host, self.far = f"{prefix}.1", f"{prefix}.2"
        self._name = f"splt{rng.randrange(1 << 32):08x}"
        self._near_end, self._far_end = f"{self._name}a", f"{self._name}b"
        self._folder = tempfile.TemporaryDirectory(prefix="splitter-network-")
        self.program = Path(self._folder.name) / "chromium"

    def __enter__(self) -> Network:
        self.program.write_text(f'#!/bin/sh\nexec ip netns exec {self._name} {PROGRAM} "$@"\n')
        self.program.chmod(0o755)
        _ip("netns", "add", self._name)
        try:
            cable = ("type", "veth", "peer", "name", self._far_end, "netns", self._name)
            _ip("link", "add", self._near_end, *cable)
            _ip("address", "add", f"{self.host}/24", "dev", self._near_end)
            _ip("link", "set", self._near_end, "up")
            self._over_there("address", "add", f"{self.far}/24", "dev", self._far_end)
            self._over_there("link", "set", "lo", "up")
            self._over_there("link", "set", self._far_end, "up")
            self._over_there("route", "add", "default", "via", self.host)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._remove()

    def cut(self) -> None:
        """Pull the cable."""
        self._over_there("link", "set", self._far_end, "down")

    def mend(self) -> None:
        """Plug it in again."""
        self._over_there("link", "set", self._far_end, "up")
        self._over_there("route", "replace", "default", "via", self.host)

    def lose(self, percent: float, delay_ms: int = 0) -> None:
        """Lose so many of 100 packets in each direction, and delay the others; 0 makes it good again."""
        netem = ("root", "netem", "loss", f"{percent}%", "delay", f"{delay_ms}ms", "limit", "2000")
        _run("tc", "qdisc", "replace", "dev", self._near_end, *netem)
        _run("tc", "-n", self._name, "qdisc", "replace", "dev", self._far_end, *netem)

    def _over_there(self, *words: str) -> None:
        _ip("-n", self._name, *words)

    def _remove(self) -> None:
        _ip("netns", "delete", self._name)  # the cable goes with it
        self._folder.cleanup()


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
