"""5,000 idle and hostile connections against a real gateway process: it goes on answering, and nothing of them stays."""

from __future__ import annotations

import os
import resource
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from splitter.core.net import Address
from tests.transport.pki import client, paper
from tests.transport.scene import wire
from tests.transport.test_websocket import UPGRADE

CONNECTIONS = 5000
MOST = 4000
BASE = 60
"""Descriptors of a gateway at rest, at most."""
SLACK_KB = 12_000
"""What an allocator may keep of some 40 MB."""
PATIENCE_S = 30.0
PROGRAM = "from splitter.cli import main; main()"
CONFIGURATION = """\
[gateway]
control_socket = "control.sock"
max_calls = 10
[network.access]
listen = ["udp:{udp}", "tcp:{tcp}", "tls:{tls}", "ws:{ws}"]
certificate = "{certificate}"
key = "{key}"
[network.core]
listen = ["udp:{core}"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.0.0/16"]
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.1:9"
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
tcp_connections = {most}
tcp_connections_per_source = 1000
tcp_message_limit_s = 2.0
handshake_limit_s = 2.0
[log]
level = "warning"
"""


@dataclass
class Gateway:
    """A running gateway and what can be seen of it from outside."""

    process: subprocess.Popen[bytes]
    places: dict[str, Address]
    log: Path

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
def gateway(directory: Path) -> Iterator[Gateway]:
    """A gateway of its own process, ready."""
    certificate = paper()
    places = {name: Address("127.0.0.1", _free_port()) for name in ("udp", "tcp", "tls", "ws", "core", "metrics")}
    media = 20_000 + os.getpid() % 9000 // 100 * 100
    file, log = directory / "splitter.toml", directory / "log"
    file.write_text(
        CONFIGURATION.format(
            certificate=certificate.certificate, key=certificate.key, most=MOST, media=media, last=media + 99, **places
        )
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "run", "-c", str(file)], stdout=output, stderr=output
        )
    running = Gateway(process, places, log)
    try:
        wait(lambda: _ready(running))
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@dataclass
class Siege:
    """The attackers' side: sockets that are held open."""

    gateway: Gateway
    sockets: list[socket.socket] = field(default_factory=list)

    def open(self, transport: str, count: int, first: bytes = b"", net: str = "127.0") -> None:
        """So many connections from sources of a /16, each with a first piece of data; refused ones count too."""
        for i in range(count):
            sock = socket.socket()
            self.sockets.append(sock)
            sock.bind((f"{net}.1.{1 + i % 100}", 0))
            with suppress(OSError):
                sock.settimeout(PATIENCE_S)
                sock.connect(self.gateway.places[transport])
                if first:
                    sock.send(first)

    def handshakes(self, count: int) -> None:
        """TLS connections that are idle once they are there."""
        context = client()
        for i in range(count):
            sock = socket.socket()
            sock.settimeout(PATIENCE_S)
            sock.bind((f"127.0.2.{1 + i % 100}", 0))
            with suppress(OSError, ssl.SSLError):
                sock.connect(self.gateway.places["tls"])
                sock = context.wrap_socket(sock)
            self.sockets.append(sock)

    def trickle(self) -> None:
        """One more byte on every connection that is still there."""
        for sock in self.sockets:
            with suppress(OSError):
                sock.setblocking(False)
                sock.send(b"x")

    def end(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.sockets.clear()


def attack(siege: Siege) -> None:
    """Everything at once; 5,000 connections."""
    siege.open("tcp", 2000)  # idle
    siege.open("tcp", 500, b"INVITE sip:110@x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\nX-Slow: ")
    siege.open("tcp", 300, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    siege.open("tcp", 200, b"x" * 2000)
    siege.open("tls", 500, b"\x16\x03\x01\x02\x00\x01\x00")  # half a ClientHello
    siege.open("ws", 300, b"GET / HTTP/1.1\r\nX-Slow: ")
    siege.open("ws", 300, UPGRADE.encode())
    siege.open("ws", 100, b"\x00\x01\x02\x03\r\n\r\n")
    siege.open("tcp", 300, wire(), net="127.7")  # nobody's source
    siege.handshakes(500)


class TestSiege:
    def test_five_thousand_connections(self, tmp_path: Path) -> None:
        _raise_limit()
        with gateway(tmp_path) as running:
            for transport in ("udp", "tcp", "tls"):
                assert running.answers(transport)
            siege = Siege(running)
            attack(siege)  # the first one also makes the process as big as it will be
            siege.end()
            wait(lambda: running.descriptors < BASE)
            at_rest, memory_kb = running.descriptors, running.memory_kb

            attack(siege)
            assert len(siege.sockets) == CONNECTIONS
            held = running.descriptors
            assert 2500 < held < MOST + 100, held
            for transport in ("udp", "tls"):
                assert running.answers(transport)
            siege.trickle()
            wait(lambda: _reasons(running) >= {"slow", "handshake", "not-sip", "malformed", "unknown-source"})
            wait(lambda: running.descriptors < held)  # what trickles is cut off, what is idle may stay
            siege.end()

            wait(lambda: running.descriptors <= at_rest)
            assert running.descriptors == at_rest
            assert running.answers("tcp")
            wait(lambda: running.memory_kb < memory_kb + SLACK_KB)
            assert running.log.read_text(errors="replace").count("\n") < 400
            assert running.process.poll() is None


def wait(condition: Callable[[], bool]) -> None:
    """Until it holds; a test that waits in vain fails."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def _ready(running: Gateway) -> bool:
    assert running.process.poll() is None, running.log.read_text()
    try:
        return running.counts("splitter_ready").get("", 0.0) == 1.0
    except OSError:
        return False


def _reasons(running: Gateway) -> set[str]:
    """Why points were given."""
    found = running.counts("splitter_sip_abuse_total")
    return {labels.partition('reason="')[2].partition('"')[0] for labels in found}


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _raise_limit() -> None:
    needed = CONNECTIONS + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < needed:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
