"""Messages of our own making, and a carrier that does what a test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from splitter.core.errors import SplitterError
from splitter.sms.message import Attempted, Sms, Taken

WALL = 1_767_225_600.0  # 2026-01-01


def sms(key: str = "m1", **more: Any) -> Sms:
    fields: dict[str, Any] = {
        "id": key,
        "call_id": "7kq2m0000000",
        "number": "+8613800138000",
        "text": "Open https://v.example/g/0123456789",
        "link": "https://v.example/g/0123456789",
        "code": "0123456789",
        "created_at": WALL,
        "deadline": WALL + 300.0,
    }
    return Sms(**(fields | more))


@dataclass
class FakeCarrier:
    """Answers as it is told; without an answer it waits."""

    name: str = "fake"
    repeats: bool = False
    alarm: str = ""
    answers: list[Attempted] = field(default_factory=list)
    sent: list[Sms] = field(default_factory=list)
    stuck: bool = False

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def send(self, sms: Sms) -> Attempted:
        self.sent.append(sms)
        if self.stuck:
            await asyncio.Event().wait()
        return self.answers.pop(0) if self.answers else Taken((f"s-{sms.id}",))


@dataclass
class MemoryCabinet:
    """A cabinet that a test can look into, and break."""

    rows: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False

    async def put(self, key: str, data: bytes) -> None:
        if self.broken:
            raise SplitterError("the disk is full")
        self.rows[key] = data

    async def drop(self, keys: list[str]) -> None:
        for key in keys:
            self.rows.pop(key, None)

    async def all(self) -> dict[str, bytes]:
        return dict(self.rows)
