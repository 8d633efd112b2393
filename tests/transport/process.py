"""A gateway in a process of its own, with listeners of every kind, seen from outside."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from splitter.core.net import Address
from splitter.lab.places import free_ports
from tests.patience import PATIENCE_S, wait
from tests.transport.pki import Paper, authority, client, paper
from tests.transport.scene import wire

PROGRAM = [sys.executable, "-c", "from splitter.cli import main; main()"]
CONFIGURATION = """\
[gateway]
control_socket = "control.sock"
max_calls = 10
[network.access]
listen = ["udp:{udp}", "tcp:{tcp}", "tls:{tls}", "ws:{ws}", "wss:{wss}"]
certificate = "{certificate}"
key = "{key}"
[network.core]
listen = ["tls:{core}"]
certificate = "{certificate}"
key = "{key}"
ca = "{ca}"
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.0.0/16"]
[trunk.clients]
role = "seat"
network = "access"
peers = ["127.5.0.0/16"]
bannable = true
[trunk.pbx]
role = "centre"
network = "core"
address = "{pbx}"
transport = "tls"
tls_name = "pbx.example"
options_interval_s = 0
[[route]]
called = ".*"
to = ["pbx"]
[media]
workers = 1
first_port = {media}
last_port = {last}
socket_dir = "."
[store]
path = ":memory:"
[metrics]
listen = "{metrics}"
[transport]
tcp_connections = 4000
tcp_connections_per_source = 1000
tcp_message_limit_s = 5.0
handshake_limit_s = 5.0
[log]
level = "{level}"
"""
PLACES = ("udp", "tcp", "tls", "ws", "wss", "core", "metrics", "pbx")


@dataclass
class Gateway:
    """A running gateway and what can be seen of it from outside."""

    process: subprocess.Popen[bytes]
    places: dict[str, Address]
    log: Path
    configuration: Path

    def command(self, *arguments: str) -> tuple[int, str]:
        """A command of the operator: its exit code, and what it printed."""
        whole = [*PROGRAM, "--config", str(self.configuration), *arguments]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        return done.returncode, done.stdout + done.stderr

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208 - no Path for each of thousands

    @property
    def memory_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def counts(self, metric: str) -> dict[str, float]:
        """Samples of a metric by their labels."""
        with urllib.request.urlopen(f"http://{self.places['metrics']}/metrics", timeout=PATIENCE_S) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if line.startswith(metric))
        return {labels[len(metric) :]: float(value) for labels, _, value in samples}

    def answers(self, transport: str) -> bool:
        """One OPTIONS from a neighbour, over a connection of its own."""
        with ExitStack() as stack:
            kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
            sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
            sock.settimeout(PATIENCE_S)
            sock.bind(("127.0.0.9", 0))
            sock.connect(self.places[transport])
            if transport == "tls":
                sock = stack.enter_context(client().wrap_socket(sock))
            name = f"{time.monotonic_ns()}"
            sock.send(wire(via=Address(*sock.getsockname()), branch=f"z9hG4bK{name}", call_id=name))
            return sock.recv(65_536).startswith(b"SIP/2.0 200 ")


@contextmanager
def gateway(
    directory: Path, ours: Paper | None = None, pbx: Address | None = None, errors: int | None = None
) -> Iterator[Gateway]:
    """A gateway of its own process, ready.

    Args:
        ours: its certificate.
        pbx: where its centre is.
        errors: the descriptor that its standard error is, with all that it has to say; by default the file `log`.
    """
    ours = ours or paper()
    places = dict(
        zip(PLACES, (Address("127.0.0.1", port) for port in free_ports("127.0.0.1", len(PLACES))), strict=True)
    )
    if pbx is not None:
        places["pbx"] = pbx
    media = random.randrange(12_000, 19_900, 100)
    file, log = directory / "splitter.toml", directory / "log"
    files = {"certificate": ours.certificate, "key": ours.key, "ca": authority().certificate}
    level = "warning" if errors is None else "info"
    file.write_text(CONFIGURATION.format(media=media, last=media + 99, level=level, **files, **places))
    with log.open("wb") as output:
        stderr = output if errors is None else errors
        process = subprocess.Popen([*PROGRAM, "run", "-c", str(file)], stdout=output, stderr=stderr)
    running = Gateway(process, places, log, file)
    try:
        wait(lambda: _ready(running))
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _ready(running: Gateway) -> bool:
    assert running.process.poll() is None, running.log.read_text()
    try:
        return running.counts("splitter_ready").get("", 0.0) == 1.0
    except (OSError, HTTPException):  # another's port, or one that is connected with itself
        return False
