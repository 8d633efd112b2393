"""Lines that nobody takes: a pipe that is full, one that is closed, a full disk. Whoever logs notices nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.telemetry import sink as module
from splitter.telemetry.sink import LINE_BYTES, Sink

PATIENCE_S = 60.0
LINE = "x" * 1000  # more than a hundred of them fill a pipe


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            pass  # the test did


def everything(reading: int, writing: int) -> list[bytes]:
    """What came out of the pipe, up to its end."""
    os.close(writing)
    with os.fdopen(os.dup(reading), "rb") as file:
        return file.read().splitlines()


class TestARunningLog:
    def test_lines_come_in_order(self, pipe: tuple[int, int]) -> None:
        sink = Sink(pipe[1])
        for number in range(100):
            sink.put(f"line {number} ü")
        sink.close(PATIENCE_S)
        assert everything(*pipe) == [f"line {number} ü".encode() for number in range(100)]
        assert (sink.dropped, sink.alarm()) == (0, "")

    def test_a_very_long_line_is_cut(self, pipe: tuple[int, int]) -> None:
        sink = Sink(pipe[1])
        sink.put("y" * 1_000_000)
        sink.close(PATIENCE_S)
        (line,) = everything(*pipe)
        assert line.startswith(b"y" * LINE_BYTES)
        assert line.endswith(b"(cut)") and len(line) < LINE_BYTES + 20

    def test_after_the_end_lines_are_counted(self, pipe: tuple[int, int]) -> None:
        sink = Sink(pipe[1])
        sink.close(PATIENCE_S)
        sink.put("late")
        assert (sink.dropped, everything(*pipe)) == (1, [])


class TestNobodyReads:
    def test_a_full_pipe_holds_nobody_up_and_what_is_missing_is_told(self, pipe: tuple[int, int]) -> None:
        told: list[int] = []
        known = threading.Event()
        sink = Sink(pipe[1], tell=lambda lines: (told.append(lines), known.set()), limit=50)  # type: ignore[arg-type]
        for _ in range(1000):
            sink.put(LINE)
        assert sink.dropped > 700
        assert "incomplete" in sink.alarm()
        taken = b""
        while not known.is_set():
            taken += os.read(pipe[0], 65_536)
            sink.put(LINE)
        sink.close(PATIENCE_S)
        taken += b"\n".join(everything(*pipe))
        assert sum(told) <= sink.dropped
        assert set(taken.split()) == {LINE.encode()}  # whole lines alone

    def test_an_alarm_says_that_nobody_reads(self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_STUCK_S", -1.0)
        sink = Sink(pipe[1], limit=500)
        while not sink.alarm().startswith("nobody reads"):
            sink.put(LINE)
        os.close(pipe[0])
        sink.close(PATIENCE_S)

    def test_a_pipe_that_does_not_block_is_waited_for(self, pipe: tuple[int, int]) -> None:
        os.set_blocking(pipe[1], False)
        sink = Sink(pipe[1])
        for _ in range(200):
            sink.put(LINE)
        taken = b""
        while taken.count(b"\n") < 200:
            taken += os.read(pipe[0], 65_536)
        sink.close(PATIENCE_S)
        assert sink.dropped == 0


class TestItCannotBeWritten:
    def test_a_closed_descriptor(self, pipe: tuple[int, int]) -> None:
        os.close(pipe[1])
        sink = Sink(pipe[1])
        sink.put("one")
        sink.close(PATIENCE_S)
        assert sink.dropped == 1
        assert "Bad file descriptor" in sink.alarm()

    def test_a_pipe_whose_reader_went(self, pipe: tuple[int, int]) -> None:
        os.close(pipe[0])
        sink = Sink(pipe[1])
        sink.put("one")
        sink.close(PATIENCE_S)
        assert "Broken pipe" in sink.alarm()

    def test_a_full_disk(self) -> None:
        fd = os.open("/dev/full", os.O_WRONLY)
        sink = Sink(fd)
        sink.put("one")
        sink.close(PATIENCE_S)
        os.close(fd)
        assert "No space left on device" in sink.alarm()


class TestInterruptions:
    def test_a_signal_handler_that_logs_in_the_middle_of_logging(self, pipe: tuple[int, int]) -> None:
        """As a destructor would; a lock of ours would stop the program here for good."""
        sink = Sink(pipe[1], limit=10**6)
        reader = threading.Thread(target=_drain, args=[pipe[0]])
        reader.start()
        before = signal.signal(signal.SIGALRM, lambda *_: sink.put("from the handler"))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            for _ in range(50_000):
                sink.put("line")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        sink.close(PATIENCE_S)
        os.close(pipe[1])
        reader.join(PATIENCE_S)
        assert sink.dropped == 0


class TestStandardDescriptors:
    @pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", "<&-"])
    def test_closed_ones_are_taken_by_no_other_file(self, closed: str, tmp_path: Path) -> None:
        out = tmp_path / "out"
        code = (
            "import os, sys; from splitter.telemetry.sink import keep_standard_descriptors as keep; keep();"
            "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT); os.write(fd, str(fd > 2).encode())"
        )
        subprocess.run(["sh", "-c", f'"$0" -c "$1" "$2" {closed}', sys.executable, code, str(out)], check=True)
        assert out.read_text() == "True"


def _drain(fd: int) -> None:
    while os.read(fd, 65_536):
        pass
