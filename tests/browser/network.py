"""A host of its own for a browser, behind a router of its own: that can lose packets, and cables can be pulled. Does I/O.

Linux does it: network namespaces, pairs of virtual Ethernet devices, and iptables on the router (sch_netem is not in
every kernel). That needs root.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.browser.chromium import PROGRAM
from tests.patience import PATIENCE_S


class Network:
    """A context manager: router and host exist inside it.

    Attributes:
        host: our address towards the router; `far`: the other host's.
        program: starts Chromium over there.
    """

    def __init__(self) -> None:
        assert os.geteuid() == 0, "hosts of their own are made by root alone: run these tests as root"
        rng = random.Random(os.urandom(8))
        self._net = f"10.{rng.randrange(200, 250)}.{rng.randrange(1, 255)}"
        self.host, self.far = f"{self._net}.1", f"{self._net}.130"
        name = f"splt{rng.randrange(1 << 32):08x}"
        self._router, self._there = f"{name}-router", f"{name}-host"
        self._near, self._far = f"{name}n", f"{name}f"
        self._folder = tempfile.TemporaryDirectory(prefix="splitter-network-")
        self.program = Path(self._folder.name) / "chromium"

    def __enter__(self) -> Network:
        self.program.write_text(f'#!/bin/sh\nexec ip netns exec {self._there} {PROGRAM} "$@"\n')
        self.program.chmod(0o755)
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._remove()

    def there(self, *command: str) -> tuple[str, ...]:
        """A command that runs on the other host."""
        return ("ip", "netns", "exec", self._there, *command)

    def cut(self) -> None:
        """The router forwards nothing any more; nobody is told."""
        self._forward("-j", "DROP")

    def unplug(self) -> None:
        """Pull the cable of the other host, which sees that it is offline."""
        _ip("-n", self._there, "link", "set", "eth0", "down")

    def move(self) -> None:
        """The other host gets another address at once, as one does that goes from a cable to a wireless network."""
        former, self.far = self.far, f"{self._net}.{int(self.far.rpartition('.')[2]) + 1}"
        _ip("-n", self._there, "address", "delete", f"{former}/25", "dev", "eth0")
        self._address(("-n", self._there), "eth0", self.far)
        self.mend()

    def mend(self) -> None:
        """All is well again."""
        _ip("-n", self._there, "link", "set", "eth0", "up")
        _ip("-n", self._there, "route", "replace", "default", "via", f"{self._net}.129")
        self._forward()

    def close_udp(self) -> None:
        """A firewall as offices have it: nothing but TCP comes through."""
        self._forward("-p", "udp", "-j", "DROP")

    def lose(self, percent: int) -> None:
        """Lose so many of 100 packets in each direction."""
        self._forward("-m", "statistic", "--mode", "random", "--probability", f"{percent / 100}", "-j", "DROP")

    def _build(self) -> None:
        """This host - router - the other host."""
        for name in (self._router, self._there):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", self._near, "type", "veth", "peer", "name", "near", "netns", self._router)
        _ip("link", "add", self._far, "type", "veth", "peer", "name", "eth0", "netns", self._there)
        _ip("link", "set", self._far, "netns", self._router)
        self._address((), self._near, self.host)
        self._address(("-n", self._router), "near", f"{self._net}.2")
        self._address(("-n", self._router), self._far, f"{self._net}.129")
        self._address(("-n", self._there), "eth0", self.far)
        _ip("route", "add", f"{self._net}.128/25", "via", f"{self._net}.2")
        _ip("-n", self._there, "route", "add", "default", "via", f"{self._net}.129")
        forwarding = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        _ip("netns", "exec", self._router, "sh", "-c", forwarding)

    def _address(self, where: tuple[str, ...], device: str, address: str) -> None:
        _ip(*where, "address", "add", f"{address}/25", "dev", device)
        _ip(*where, "link", "set", device, "up")

    def _forward(self, *rule: str) -> None:
        """The only rule of the router; without one it forwards all."""
        filtering = ("netns", "exec", self._router, "iptables", "-w")
        _ip(*filtering, "-F", "FORWARD")
        if rule:
            _ip(*filtering, "-A", "FORWARD", *rule)

    def _remove(self) -> None:
        """The cables go with their hosts."""
        for name in (self._there, self._router):
            subprocess.run(("ip", "netns", "delete", name), capture_output=True, timeout=PATIENCE_S, check=False)
        self._folder.cleanup()


def _ip(*words: str) -> None:
    done = subprocess.run(("ip", *words), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
