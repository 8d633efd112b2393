"""Descriptors that run out, of this process and of others."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from splitter.telemetry import resources
from splitter.telemetry.resources import descriptor_alarm, descriptors

HOLDS = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100));"
    "held = [os.dup(0) for _ in range(int(sys.argv[1]))]; print(flush=True); sys.stdin.read()"
)


def test_of_this_process_are_counted() -> None:
    held, limit = descriptors(os.getpid())
    assert held >= 3
    assert limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.mark.parametrize(("more", "alarm"), [(10, False), (92, True)])
def test_hardly_any_left_is_an_alarm(more: int, alarm: bool) -> None:
    command = [sys.executable, "-c", HOLDS, str(more)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        text = descriptor_alarm(process.pid, "media worker 0")
        process.stdin.close()
    assert text.startswith("media worker 0 runs out of descriptors:") is alarm
    assert ("of 100" in text) is alarm


@pytest.mark.parametrize(("limit", "listed"), [(100_000, 0), (70, 1)])
def test_nothing_is_listed_where_the_table_of_the_kernel_is_small(
    limit: int, listed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older kernels do not tell how many are open; with thousands of them a list would hold the calls up."""
    lists: list[str] = []
    monkeypatch.setattr(resources.os, "stat", lambda path: os.stat_result((0,) * 10))  # type: ignore[attr-defined]
    monkeypatch.setattr(resources.os, "listdir", lambda path: lists.append(path) or ["0"])  # type: ignore[attr-defined]

    held = resources.held(os.getpid(), limit)

    assert held < resources.SHORT * limit
    assert len(lists) == listed


def test_a_process_that_is_gone_is_no_alarm() -> None:
    assert resources.descriptors(2**22 + 1) == (0, 0)
    assert descriptor_alarm(2**22 + 1, "x") == ""
