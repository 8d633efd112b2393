"""The file of events beside a recording: lines of JSON, plain or sealed line by line. Does I/O."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec

from splitter.core.errors import LocalError
from splitter.media.record.seal import FileSeal, SealOpener, read_header
from splitter.media.record.seal_keys import SealKeys


class EventLog:
    """The events of a recording that is being made.

    Args:
        seal: of this file; None: it is plain.
    """

    def __init__(self, path: Path, seal: FileSeal | None) -> None:
        self.path = path
        self._seal = seal
        self._number = 0

    def add(self, event: dict[str, Any]) -> None:
        """Write one. Raises OSError."""
        line = msgspec.json.encode(event)
        begin = b""
        if self._seal is not None:
            if not self._number:
                begin = msgspec.json.encode({"seal": base64.b64encode(self._seal.header).decode()}) + b"\n"
            self._number += 1
            sealed = self._seal.chunk(self._number, line)
            line = msgspec.json.encode({"sealed": base64.b64encode(sealed).decode(), "number": self._number})
        with self.path.open("ab") as file:
            file.write(begin + line + b"\n")


class _Line(msgspec.Struct):
    sealed: str = ""
    seal: str = ""
    number: int | str = 0  # of a sealed line; in a plain one it may be a phone's


def read_events(data: bytes, keys: SealKeys) -> bytes:
    """Lines of events without their seals; a last one that was cut off is left out. Raises LocalError."""
    opener: SealOpener | None = None
    found: list[bytes] = []
    for text in data.split(b"\n")[:-1]:
        try:
            line = msgspec.json.decode(text, type=_Line)
            if line.seal:
                header = read_header(base64.b64decode(line.seal))
                if header is not None:
                    opener = SealOpener(header, keys.unwrap(header.key, header.wrapped))
            elif line.sealed:
                if opener is None:
                    raise LocalError("events are sealed, and do not say how")
                found.append(opener.open(int(line.number), base64.b64decode(line.sealed)))
            else:
                found.append(text)
        except (msgspec.MsgspecError, ValueError) as error:
            raise LocalError(f"events cannot be read: {error}") from error
    return b"".join(line + b"\n" for line in found)
