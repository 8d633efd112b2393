"""sd_notify(3) against a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.telemetry.notify import Notifier
from tests.patience import PATIENCE_S


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(PATIENCE_S)
        yield sock


class TestNotifications:
    def test_ready_status_and_stopping(self, manager: socket.socket) -> None:
        notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
        notifier.ready("3 trunks")
        notifier.status("busy")
        notifier.stopping()
        assert [manager.recv(100) for _ in range(3)] == [b"READY=1\nSTATUS=3 trunks", b"STATUS=busy", b"STOPPING=1"]

    def test_an_abstract_socket(self) -> None:
        name = f"splitter-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(f"\0{name}")
            sock.settimeout(PATIENCE_S)
            Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
            assert sock.recv(100) == b"READY=1"

    def test_without_systemd_nothing_happens(self) -> None:
        Notifier({}).ready()

    def test_a_manager_that_is_gone_is_no_error(self, tmp_path: Path) -> None:
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


class TestWatchdog:
    async def test_is_fed_while_the_loop_runs(self, manager: socket.socket) -> None:
        notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "20000"})
        assert notifier.watchdog_interval_s == 0.01

        feeding = asyncio.create_task(notifier.keep_alive())
        for _ in range(3):
            assert await asyncio.to_thread(manager.recv, 100) == b"WATCHDOG=1"
        feeding.cancel()

    @pytest.mark.parametrize(
        "environment",
        [{}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}],
    )
    async def test_is_off_unless_meant_for_us(self, environment: dict[str, str]) -> None:
        notifier = Notifier(environment)
        assert notifier.watchdog_interval_s == 0
        await notifier.keep_alive()
