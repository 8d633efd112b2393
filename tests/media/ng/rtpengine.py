"""Debian's rtpengine on loopback, by the configuration in sipconf, which is without the kernel module. Does I/O."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from splitter.core.net import Address
from splitter.lab.places import free_ports
from splitter.media.ng.bencode import decode, encode
from splitter.media.ng.settings import RtpengineSettings
from tests.patience import PATIENCE_S, wait

CONFIGURATION = Path(__file__).parents[3] / "sipconf" / "rtpengine" / "rtpengine.conf"
BINARY = shutil.which("rtpengine") or "/usr/bin/rtpengine"
INTERFACES = ("access/127.0.0.1!192.0.2.1", "core/127.0.0.2", "six/::1")
"""As tests.media.worker.stand.NETWORKS."""


class Rtpengine:
    """One process.

    Args:
        ports: the first and last of its media ports.
        interfaces: what its networks are, "NAME/ADDRESS!ADVERTISED".
    """

    def __init__(self, name: str, ports: tuple[int, int], log: Path, interfaces: tuple[str, ...] = INTERFACES) -> None:
        self.name, self.log = name, log
        self.address = Address("127.0.0.1", *free_ports("127.0.0.1", 1))
        self._ports, self._interfaces = ports, interfaces
        self._cookie = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> RtpengineSettings:
        """As the engine is told of it."""
        return RtpengineSettings(self.name, self.address)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        file = self.log.with_suffix(".conf")
        file.write_text(self._configuration())
        command = [BINARY, f"--config-file={file}", "--foreground", "--log-stderr", "--num-threads=2"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.ask({"command": "ping"})
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError(self.log.read_text(errors="replace")[-2000:]) from None
                time.sleep(0.02)

    def _configuration(self) -> str:
        """The one that we give to operators, with addresses and ports of the test."""
        text = CONFIGURATION.read_text(encoding="utf-8")
        ours = {
            "interface": ";".join(self._interfaces),
            "listen-ng": str(self.address),
            "port-min": str(self._ports[0]),
            "port-max": str(self._ports[1]),
        }
        for key, value in ours.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            assert count == 1, key
        return text

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal; what that does at once is waited for."""
        if self._process is None:
            return
        os.kill(self._process.pid, number)
        if number == signal.SIGSTOP:
            stat = Path(f"/proc/{self._process.pid}/stat")
            wait(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait(PATIENCE_S)
            self._process = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """A request beside the engine. Raises OSError."""
        self._cookie += 1
        cookie = b"test-%d-%d " % (os.getpid(), self._cookie)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(self.address)
            sock.settimeout(0.5)
            sock.send(cookie + encode(request))
            reply = decode(sock.recv(65_535).removeprefix(cookie))
        assert isinstance(reply, dict)
        return reply

    def calls(self) -> list[str]:
        """The calls that it has."""
        return list(self.ask({"command": "list", "limit": 1000})["calls"])


@contextmanager
def rtpengines(*names: str, first_port: int, interfaces: tuple[str, ...] = INTERFACES) -> Iterator[list[Rtpengine]]:
    """Some that run, each with a hundred ports of its own."""
    assert shutil.which(BINARY), "rtpengine is not installed; run `make peers`"
    with tempfile.TemporaryDirectory(prefix="rtpengine-") as folder:
        ports = [(first_port + 100 * number, first_port + 100 * number + 99) for number in range(len(names))]
        made = [
            Rtpengine(name, range_, Path(folder) / f"{name}.log", interfaces)
            for name, range_ in zip(names, ports, strict=True)
        ]
        try:
            for one in made:
                one.start()
            yield made
        finally:
            for one in made:
                one.kill(signal.SIGCONT)
                one.kill()
