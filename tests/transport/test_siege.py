"""5,000 idle and hostile connections against a real gateway process: it goes on answering, and nothing of them stays."""

from __future__ import annotations

import resource
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, wait
from tests.transport.pki import client
from tests.transport.process import Gateway, gateway
from tests.transport.scene import wire
from tests.transport.test_websocket import UPGRADE

pytestmark = pytest.mark.slow

CONNECTIONS = 5000
MOST = 4000  # transport.tcp_connections of the gateway
STAYING = 2800  # that have come to the end of a handshake or have said nothing, and may stay
BASE = 60
"""Descriptors of a gateway at rest, at most."""
SLACK_KB = 12_000
"""What an allocator may keep of some 40 MB."""


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
            wait(lambda: running.descriptors < STAYING + BASE)  # what trickles slowly is cut off, what is idle may stay
            siege.end()

            wait(lambda: running.descriptors <= at_rest)
            assert running.answers("tcp")
            wait(lambda: running.memory_kb < memory_kb + SLACK_KB)
            assert running.log.read_text(errors="replace").count("\n") < 400
            assert running.process.poll() is None


def _reasons(running: Gateway) -> set[str]:
    """Why points were given."""
    found = running.counts("splitter_sip_abuse_total")
    return {labels.partition('reason="')[2].partition('"')[0] for labels in found}


def _raise_limit() -> None:
    needed = CONNECTIONS + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < needed:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
