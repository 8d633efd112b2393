"""A gateway whose standard error takes nothing: calls and the API notice nothing, and the operator is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from splitter.core.net import Address
from tests.patience import PATIENCE_S, wait
from tests.transport.process import Gateway, gateway
from tests.transport.scene import wire

pytestmark = pytest.mark.slow


@contextmanager
def full_pipe() -> Iterator[int]:
    """One that nobody reads, and that takes no byte more."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 65_536)
    except BlockingIOError:
        os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def closed_pipe() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


def refuse(running: Gateway, number: int) -> None:
    """Requests that are refused, one after the other: each refusal comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.bind(("127.0.0.9", 0))
        sock.connect(running.places["udp"])
        for index in range(number):
            name = f"{os.getpid()}{index}"
            sock.send(wire("PUBLISH", via=Address(*sock.getsockname()), branch=f"z9hG4bK{name}", call_id=name))
            assert sock.recv(65_536).startswith(b"SIP/2.0 405 ")


class TestTheGatewayGoesOn:
    def test_while_nobody_reads_its_log(self, tmp_path: Path) -> None:
        with full_pipe() as errors, gateway(tmp_path, errors=errors) as running:
            refuse(running, 50)
            assert running.answers("udp")
            wait(lambda: "nobody reads the log" in running.command("status")[1])
            assert running.answers("udp")

    @pytest.mark.parametrize("errors", [closed_pipe, full_disk])
    def test_while_its_log_cannot_be_written(self, errors: object, tmp_path: Path) -> None:
        with errors() as fd, gateway(tmp_path, errors=fd) as running:  # type: ignore[operator]
            refuse(running, 20)
            assert running.answers("udp")
            wait(lambda: "the log is incomplete" in running.command("status")[1])
            assert running.counts("splitter_log_dropped_lines")[""] > 0
