"""The gateway's end of the recorder, beside a recorder that is slow."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from splitter.media.record import protocol as p
from splitter.media.record.client import RecorderLink
from splitter.media.record.place import CONTROL
from splitter.media.record.settings import RecordingSettings
from splitter.telemetry.settings import TelemetrySettings
from tests.patience import until


def _watched() -> list[str]:
    """The processes that this one watches."""
    found = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(fd.readlink()))
    return [one for one in found if "pidfd" in one]


async def test_one_that_was_silent_for_a_while_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitter.media.record.client.ASK_LIMIT_S", 0.05)
    came: list[asyncio.StreamWriter] = []
    over: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        while line := await reader.readline():
            if len(came) > 1:
                writer.write(p.write_line(p.RecorderAnswer(p.read_call(line).id)))
        writer.close()
        over.append(writer)

    server = await asyncio.start_unix_server(serve, str(tmp_path / CONTROL))
    backs: list[bool] = []
    watched = len(_watched())
    settings = RecordingSettings(folder=str(tmp_path / "recordings"))
    link = RecorderLink(settings, tmp_path, TelemetrySettings(), lambda: backs.append(True), lambda *what: None)
    link.start()
    try:
        await until(lambda: backs)
        assert len(came) >= 2 and not link.fault
        assert link.pid == os.getpid() and len(_watched()) == watched + 1  # however often it was found
    finally:
        link.leave()
        await until(lambda: len(over) == len(came))
        server.close()


async def test_one_that_says_too_much_is_left_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "LINE_LIMIT_BYTES", 1000)
    came: list[asyncio.StreamWriter] = []
    over: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        with suppress(ConnectionError):  # it is left with what it said unread
            while line := await reader.readline():
                fault = "x" * 5000 if len(came) == 1 else ""
                writer.write(p.write_line(p.RecorderAnswer(p.read_call(line).id, fault)))
        writer.close()
        over.append(writer)

    server = await asyncio.start_unix_server(serve, str(tmp_path / CONTROL))
    settings = RecordingSettings(folder=str(tmp_path / "recordings"))
    backs: list[bool] = []
    link = RecorderLink(settings, tmp_path, TelemetrySettings(), lambda: backs.append(True), lambda *what: None)
    link.start()
    try:
        await until(lambda: backs)
        assert len(came) == 2 and not link.fault
    finally:
        link.leave()
        await until(lambda: len(over) == 2)
        server.close()
