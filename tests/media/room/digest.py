"""A hash of every packet that the rooms of a test run send: equal before and after a change that is to change nothing.

    .venv/bin/pytest -p tests.media.room.digest tests/media/room

prints one hash of all tests, and with `ROOM_DIGEST=FILE` writes one line per test, to find the one that differs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.media.room import kit

settings.register_profile("digest", derandomize=True, database=None)  # the same packets at each run
settings.load_profile("digest")

_lines: dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Keep each loop that the test makes, and hash what its ports sent."""
    loops: list[kit.Loop] = []
    begin = kit.Loop.__init__

    def kept(loop: kit.Loop) -> None:
        begin(loop)
        loops.append(loop)

    kit.Loop.__init__ = kept  # type: ignore[assignment,method-assign]
    try:
        return (yield)
    finally:
        kit.Loop.__init__ = begin  # type: ignore[method-assign]
        if loops:
            _lines[item.nodeid] = _hash(loops)


def _hash(loops: list[kit.Loop]) -> str:
    hashed = hashlib.sha256()
    for loop in loops:
        for pair in loop.pairs:
            for kind, sent in (("rtp", pair.rtp), ("rtcp", pair.rtcp)):
                for data, to, at in sent:
                    hashed.update(f"{pair.rtp_port} {kind} {to} {at:.6f} {data.hex()}\n".encode())
            hashed.update(f"{pair.rtp_port} {pair.settled}\n".encode())
    return hashed.hexdigest()[:16]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [f"{digest} {name}" for name, digest in sorted(_lines.items())]
    if path := os.environ.get("ROOM_DIGEST"):
        Path(path).write_text("\n".join(lines) + "\n")
    whole = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    terminalreporter.write_line(f"packets of {len(lines)} tests: {whole}")
