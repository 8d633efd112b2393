"""Trunks that calls were on when they were taken out of the configuration, for the next process. Does I/O: a file.

A call names its trunk; a process that takes the call up has to know it, though its configuration does not any longer.
What is written is a table as the configuration has it, and is read as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from splitter.calls.settings import Peer, Trunk
from splitter.config.fields import declared
from splitter.config.locate import Locator
from splitter.config.reader import Problems, Table
from splitter.config.sections import read_trunk
from splitter.core.errors import UNREADABLE
from splitter.core.net import Address
from splitter.core.whole import write_whole
from splitter.transport.targets import HostName

log = structlog.get_logger(__name__)


class FormerTrunks:
    """The file of them.

    Args:
        path: None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> list[Trunk]:
        """Read those that were kept; what cannot be read is none, and the log says so."""
        if self._path is None:
            return []
        try:
            tables = msgspec.json.decode(self._path.read_bytes(), type=list[dict[str, Any]])
            return [_read(table) for table in tables]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, *UNREADABLE) as error:
            log.error("trunks of before cannot be read: calls on them are lost", path=str(self._path), error=str(error))
            return []

    def write(self, trunks: Iterable[Trunk]) -> None:
        """Keep these, and no others; whole or not at all."""
        if self._path is None:
            return
        tables = [_written(trunk) for trunk in trunks]
        try:
            if not tables:
                self._path.unlink(missing_ok=True)
                return
            write_whole(self._path, msgspec.json.encode(tables))  # they may hold a password
        except OSError as error:
            log.error("trunks that were removed are not kept: a restart loses their calls", error=str(error))


def _written(trunk: Trunk) -> dict[str, Any]:
    found: dict[str, Any] = {"name": trunk.name}
    for item in declared(Trunk):
        value = getattr(trunk, item.field)
        if value != item.default and value is not None:
            found[item.name] = _text(value)
    return found


def _text(value: Any) -> Any:
    """A value as the configuration has it."""
    match value:
        case Peer():
            host = value.network.network_address
            return str(value.network) if value.port is None else str(Address(str(host), value.port))
        case Address() | HostName():
            return str(value)
        case re.Pattern():
            return value.pattern
        case tuple():
            return [_text(one) for one in value]
        case str():
            return str(value)
        case _:
            return value


def _read(table: dict[str, Any]) -> Trunk:
    """Raises ValueError where it is none, KeyError without its name."""
    name = table.pop("name")
    problems = Problems("", Locator(""))
    with suppress(TypeError):
        trunk = read_trunk(Table(problems, ("trunk", str(name)), table, Path("/")))
        if not len(problems):
            return trunk
    raise ValueError("; ".join(problems.texts()) or "it is no table of a trunk")
