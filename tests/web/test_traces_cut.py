"""Readers of a trace that stop in the middle, as `splitter trace | head` does: no error, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.web.kit import CALL, gateway

ENOUGH = 4_000_000  # bytes; more than sockets and buffers hold


@pytest.mark.parametrize("follow", [0, 1])
async def test_a_reader_that_goes_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture, follow: int) -> None:
    caplog.set_level(logging.INFO)
    with capture_logs() as logs:
        async with gateway(tmp_path) as parts:
            parts.calls.add(CALL)
            parts.begin()
            for _ in range(ENOUGH // 100_000):
                parts.recorder.event(CALL.call_id, "", "note", "x" * 100_000)
            before = asyncio.all_tasks()
            reader, writer = await asyncio.open_unix_connection(parts.socket)
            path = f"/v1/calls/{CALL.call_id}/trace?raw=1&follow={follow}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert await reader.read(3000)
            writer.transport.abort()
            while asyncio.all_tasks() - before:
                parts.recorder.event(CALL.call_id, "", "note", "one more")
                await asyncio.sleep(0.01)
    assert logs == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith("aiohttp")] == []
