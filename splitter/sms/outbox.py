"""The carriers that send nothing themselves: a file for whoever sends, and other programs that are told.

Does I/O: the file is written in a thread, a line of JSON for each message.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from splitter.sms.message import Attempted, HandedOn, Sms, TryAgain, TurnedDown
from splitter.sms.settings import OUTBOX, WEBHOOK

MOST_BYTES = 1_000_000  # then the file is begun anew, and the one before is kept


class OutboxFile:
    """The file beside the store that messages wait in for somebody to send them; None keeps none.

    Its lines have `id`, `call_id`, `number`, `text`, `link` and `deadline`.
    """

    name = OUTBOX
    repeats = True
    alarm = ""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def start(self) -> None:
        """Nothing: the file is made with the first message."""

    async def stop(self) -> None:
        """Nothing is held."""

    async def send(self, sms: Sms) -> Attempted:
        """Write one line."""
        if self._path is None:
            return TurnedDown("nothing is configured that sends messages: tell the caller the link")
        fields = {name: getattr(sms, name) for name in ("id", "call_id", "number", "text", "link", "deadline")}
        line = json.dumps(fields, ensure_ascii=False) + "\n"
        try:
            await asyncio.to_thread(self._write, self._path, line.encode())
        except OSError as error:
            return TryAgain(f"{self._path} cannot be written: {error.strerror or error}", all=True)
        return HandedOn("nothing sends messages by itself; it stands in the outbox file: tell the caller the link")

    def _write(self, path: Path, line: bytes) -> None:
        with suppress(FileNotFoundError):
            if path.stat().st_size > MOST_BYTES:
                path.replace(path.with_name(f"{path.name}.1"))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(line)


class ToldCarrier:
    """Other programs that are told of a message and send it, such as receivers of webhooks.

    Args:
        tell: tells them; returns why nobody hears it, empty where somebody does.
    """

    name = WEBHOOK
    repeats = True  # it is told with its id, and kept by those who tell it
    alarm = ""

    def __init__(self, tell: Callable[[Sms], str]) -> None:
        self._told = tell

    async def start(self) -> None:
        """Nothing: whoever tells has a start of its own."""

    async def stop(self) -> None:
        """Nothing is held."""

    async def send(self, sms: Sms) -> Attempted:
        """Tell them."""
        reason = self._told(sms)
        return TurnedDown(reason) if reason else HandedOn("a program that webhooks tell sends it")
