"""Codes of authenticator apps that were used, over a restart and a cluster as well.

Does I/O: a small file beside the store, and what the gateways of a cluster share.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from splitter.calls.logins.totp import OneTimeCodes
from splitter.core.errors import UNREADABLE
from splitter.core.whole import write_whole

log = structlog.get_logger(__name__)


class ClaimedCodes(Protocol):
    """What the gateways of a cluster share: `splitter.cluster.codes.SharedCodes`."""

    async def claim(self, user: str, step: int) -> bool:
        """Use the code of this step; False where it was used already."""
        ...


class UsedCodes:
    """Judges codes, and writes down which of them are used before anybody is let in by one.

    Args:
        path: of the file; None keeps nothing over a restart.
        shared: with the other gateways of the cluster; None where there is none.
    """

    def __init__(self, path: Path | None, shared: ClaimedCodes | None = None) -> None:
        self._path = path
        self._shared = shared
        self._codes = OneTimeCodes(self._read())
        self._writing = asyncio.Lock()

    async def take(self, user: str, secret: str, code: str, wall: float) -> bool:
        """Take a code as `OneTimeCodes.take` does. One that cannot be written down lets its owner in all the same."""
        step = self._codes.take(user, secret, code, wall)
        if step is None or (self._shared is not None and not await self._shared.claim(user, step)):
            return False
        if self._path is not None:
            async with self._writing:
                await asyncio.to_thread(self._write, self._path, msgspec.json.encode(self._codes.used(wall)))
        return True

    def _read(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, int]) if self._path else {}
        except FileNotFoundError:
            return {}
        except (OSError, *UNREADABLE) as error:
            log.warning("codes used before the start can be used again", path=str(self._path), error=str(error))
            return {}

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_whole(path, data)
        except OSError as error:
            log.warning("a used code can be used again after a restart", path=str(path), error=str(error))
