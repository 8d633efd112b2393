from __future__ import annotations

import socket
import stat
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.lab.places import free_ports
from tests.web.kit import gateway


def exists(path: str) -> bool:
    return Path(path).exists()


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


class TestControlSocket:
    async def test_is_for_user_and_group_and_gone_after_the_stop(self, tmp_path: Path) -> None:
        async with gateway(tmp_path) as parts:
            assert mode_of(parts.socket) == 0o660
        assert not exists(parts.socket)

    async def test_what_a_crash_left_behind_is_replaced(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(tmp_path / "control.sock"))

        async with gateway(tmp_path):
            pass

    async def test_another_instance_is_not_robbed(self, tmp_path: Path) -> None:
        async with gateway(tmp_path) as first:
            with pytest.raises(LocalError, match="another splitter listens on"):
                async with gateway(tmp_path):
                    pass
            assert exists(first.socket)

    async def test_a_file_in_the_way_is_not_deleted(self, tmp_path: Path) -> None:
        (tmp_path / "control.sock").write_text("precious")

        with pytest.raises(LocalError, match="cannot be opened"):
            async with gateway(tmp_path):
                pass

        assert (tmp_path / "control.sock").read_text() == "precious"

    async def test_a_successors_socket_survives_our_stop(self, tmp_path: Path) -> None:
        path = tmp_path / "control.sock"

        async with gateway(tmp_path):
            path.unlink()
            path.write_text("a successor")

        assert path.exists()


class TestMetrics:
    async def test_are_served_in_prometheus_format(self, tmp_path: Path) -> None:
        [port] = free_ports("127.0.0.1", 1)

        async with (
            gateway(tmp_path, Address("127.0.0.1", port)),
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            text = await response.text()
            assert response.headers["Content-Type"].startswith("text/plain; version=")
            assert "# TYPE splitter_calls_active gauge" in text
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session:
                await session.get(f"http://127.0.0.1:{port}/metrics")

    async def test_a_port_that_is_taken_is_an_alarm_only(self, tmp_path: Path) -> None:
        with socket.socket() as sock, capture_logs() as logs:
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            async with gateway(tmp_path, Address("127.0.0.1", sock.getsockname()[1])) as parts:
                assert exists(parts.socket)
        assert logs[0]["event"] == "/metrics is not served; calls go on"

    async def test_the_control_socket_does_not_serve_them_and_metrics_serve_nothing_else(self, tmp_path: Path) -> None:
        [port] = free_ports("127.0.0.1", 1)

        async with gateway(tmp_path, Address("127.0.0.1", port)), aiohttp.ClientSession() as session:
            response = await session.get(f"http://127.0.0.1:{port}/v1/calls")
            assert response.status == 404


class TestProbes:
    """At every door, and for whoever asks."""

    @pytest.mark.parametrize(
        ("state", "workers", "answer"),
        [
            ("running", (2, 2), (200, "ready\n")),
            ("running", (1, 2), (200, "ready\n")),
            ("running", (0, 2), (503, "no media worker is ready\n")),
            ("draining", (2, 2), (503, "draining\n")),
            ("starting", (2, 2), (503, "starting\n")),
        ],
    )
    async def test_who_takes_calls_is_ready(
        self, tmp_path: Path, state: str, workers: tuple[int, int], answer: tuple[int, str]
    ) -> None:
        [port] = free_ports("127.0.0.1", 1)
        async with gateway(tmp_path, Address("127.0.0.1", port)) as parts, aiohttp.ClientSession() as http:
            parts.state, parts.workers = state, workers
            async with http.get(f"http://127.0.0.1:{port}/healthz") as response:
                assert (response.status, await response.text()) == (200, "ok\n")
            async with http.get(f"http://127.0.0.1:{port}/readyz") as response:
                assert (response.status, await response.text()) == answer
