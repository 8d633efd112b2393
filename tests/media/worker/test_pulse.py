"""What is held against a silent worker, in virtual time; and what /proc shows of real processes."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from splitter.media.worker.pulse import Doing, Look, Patience, Pulse, look
from tests.media.worker.stand import LIMIT_S

pytestmark = pytest.mark.slow

INTERVAL_S = 0.1


class Silence:
    """A worker that answered at 0 and is looked at every interval, or as late as `late_s` says."""

    def __init__(self, doing: Doing, share: float = 0.0, late_s: float = INTERVAL_S) -> None:
        self.pulse = Pulse(Patience(still_s=0.4, slow_s=2.0), INTERVAL_S)
        self.pulse.heard(0.0)
        self._doing, self._share, self._late_s = doing, share, late_s

    def until_given_up(self, limit_s: float = 60.0) -> float | None:
        """When it is given up; None: not within the limit."""
        for turn in itertools.count(1):
            now = turn * self._late_s
            if now > limit_s:
                return None
            self.pulse.silent(now, Look(self._doing, 5.0 + self._share * now))
            if self.pulse.hangs:
                return now
        raise AssertionError


class TestASilentWorker:
    def test_that_stands_still_is_given_up_soon(self) -> None:
        at = Silence(Doing.STILL).until_given_up()
        assert at is not None
        assert at <= 0.55

    def test_that_gets_no_processor_is_never_given_up(self) -> None:
        assert Silence(Doing.RUNNABLE).until_given_up() is None

    def test_that_gets_little_of_the_processor_has_time_for_its_step(self) -> None:
        at = Silence(Doing.RUNNABLE, share=0.1).until_given_up()
        assert at is not None
        assert at > 19

    def test_that_computes_without_end_is_given_up_after_a_while(self) -> None:
        at = Silence(Doing.RUNNABLE, share=1.0).until_given_up()
        assert at is not None
        assert 2.0 <= at <= 2.3

    def test_that_waits_for_a_disk_is_given_up_after_a_while(self) -> None:
        at = Silence(Doing.BLOCKED).until_given_up()
        assert at is not None
        assert 2.0 <= at <= 2.3

    def test_of_which_nothing_can_be_seen_is_given_up_after_a_while(self) -> None:
        at = Silence(Doing.UNKNOWN).until_given_up()
        assert at is not None
        assert 2.0 <= at <= 2.3

    def test_is_not_blamed_for_what_we_slept_through(self) -> None:
        silence = Silence(Doing.STILL, late_s=30.0)
        silence.pulse.silent(30.0, Look(Doing.STILL, 5.0))
        assert not silence.pulse.hangs
        assert not silence.pulse.suspect

    def test_that_answers_starts_anew(self) -> None:
        silence = Silence(Doing.STILL)
        for turn in range(1, 200):
            silence.pulse.silent(turn * INTERVAL_S, Look(Doing.STILL, 5.0))
            assert not silence.pulse.hangs
            if silence.pulse.suspect:
                silence.pulse.heard(turn * INTERVAL_S)
                assert not silence.pulse.suspect

    def test_is_suspected_before_it_is_given_up(self) -> None:
        silence = Silence(Doing.STILL)
        suspected = [
            silence.pulse.suspect
            for turn in range(1, 4)
            for _ in [silence.pulse.silent(turn * INTERVAL_S, Look(Doing.STILL, 5.0))]
            if not silence.pulse.hangs
        ]
        assert suspected[0] is False
        assert suspected[-1] is True


@contextmanager
def process(program: str) -> Iterator[int]:
    """A Python process that has begun its work."""
    command = [sys.executable, "-c", f"print(flush=True)\n{program}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as made:
        assert made.stdout is not None
        made.stdout.readline()
        yield made.pid
        made.kill()


def seen(pid: int, doing: Doing) -> bool:
    """Whether a process is seen to do this before long."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if look(pid).doing is doing:
            return True
        time.sleep(0.005)
    return False


@pytest.mark.slow
class TestLook:
    def test_a_sleeping_process_stands_still(self) -> None:
        with process("import time; time.sleep(60)") as pid:
            assert seen(pid, Doing.STILL)

    def test_a_stopped_one_stands_still_though_it_had_work(self) -> None:
        with process("while True: pass") as pid:
            os.kill(pid, signal.SIGSTOP)
            assert seen(pid, Doing.STILL)

    def test_one_that_computes_is_runnable_and_its_time_is_counted(self) -> None:
        with process("while True: pass") as pid:
            assert seen(pid, Doing.RUNNABLE)
            before, end = look(pid).computed_s, time.monotonic() + LIMIT_S
            while look(pid).computed_s < before + 0.05:
                assert time.monotonic() < end

    def test_a_thread_that_computes_beside_a_sleeping_one_is_seen(self) -> None:
        with process(
            "import threading, time\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()"
        ) as pid:
            assert seen(pid, Doing.RUNNABLE)

    def test_nothing_is_known_of_a_process_that_is_gone(self) -> None:
        with process("pass") as pid:
            pass
        assert look(pid) == Look(Doing.UNKNOWN, 0.0)
