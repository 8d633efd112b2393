from __future__ import annotations

import gc
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
import structlog

from splitter.telemetry import log as module
from splitter.telemetry.log import Moderator, configure, harmless
from splitter.telemetry.settings import TelemetrySettings
from tests.garbage import held_by


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (threading.excepthook, sys.unraisablehook)
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    threading.excepthook, sys.unraisablehook = hooks
    module.close()
    structlog.reset_defaults()


def written(act: Callable[[Any], None], settings: TelemetrySettings) -> str:
    """What the log says once it is closed."""
    with TemporaryFile() as out:
        configure(settings, out.fileno())
        act(structlog.get_logger("test"))
        module.close()
        out.seek(0)
        return out.read().decode()


def lines(settings: TelemetrySettings) -> list[str]:
    return written(some, settings).splitlines()


def some(log: Any) -> None:
    log.debug("too fine")
    log.info("call began", call_id="abc", number=3)
    logging.getLogger("asyncio").warning("slow %s", "callback")
    logging.getLogger("aiohttp").info("chatter")
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("failed")


class TestJson:
    def test_each_line_is_one_object(self) -> None:
        began, slow, failed = (json.loads(line) for line in lines(TelemetrySettings("json", "info")))
        assert (began["event"], began["level"], began["call_id"], began["number"]) == ("call began", "info", "abc", 3)
        assert began["timestamp"].endswith("Z")
        assert (slow["event"], slow["level"], slow["logger"]) == ("slow callback", "warning", "asyncio")
        assert "ValueError: boom" in failed["exception"]


class TestConsole:
    def test_is_plain_text_when_nobody_can_see_colours(self) -> None:
        text = lines(TelemetrySettings("console", "info"))
        assert "call_id=abc" in text[0]
        assert "\x1b[" not in "".join(text)
        assert any("ValueError: boom" in line for line in text)

    def test_the_level_is_kept(self) -> None:
        text = "\n".join(lines(TelemetrySettings("console", "error")))
        assert "failed" in text
        assert "call began" not in text
        assert "slow" not in text


class Unspeakable:
    """Cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __repr__


@pytest.mark.parametrize("kind", ["json", "console"])
class TestNothingRaises:
    def told(self, kind: str, act: Callable[[Any], None]) -> str:
        return written(act, TelemetrySettings(kind, "info"))

    def test_a_value_that_cannot_be_shown(self, kind: str) -> None:
        assert "call began" in self.told(kind, lambda log: log.info("call began", caller=Unspeakable()))

    def test_text_that_is_no_unicode(self, kind: str) -> None:
        assert "call began" in self.told(kind, lambda log: log.info("call began", caller="\udcff"))

    def test_an_exception_that_cannot_be_shown(self, kind: str) -> None:
        class Bad(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        def act(log: Any) -> None:
            try:
                raise Bad
            except Bad:
                log.exception("it failed")

        assert "it failed" in self.told(kind, act)

    def test_a_library_that_gives_the_wrong_arguments(self, kind: str) -> None:
        arguments = ("x", "y")
        assert "%d of" in self.told(kind, lambda log: logging.getLogger("aiohttp").error("%d of", *arguments))

    def test_a_log_that_is_closed(self, kind: str, tmp_path: Path) -> None:
        def act(log: Any) -> None:
            module.close()
            before = module.dropped()
            log.info("too late")
            assert module.dropped() == before + 1

        self.told(kind, act)


class TestWhatPythonWouldWriteItself:
    """Straight to standard error, which may block."""

    def told(self, act: Callable[[Any], None]) -> list[dict[str, Any]]:
        return [json.loads(line) for line in written(act, TelemetrySettings("json", "info")).splitlines()]

    def test_a_thread_that_fails(self) -> None:
        def act(log: Any) -> None:
            thread = threading.Thread(target=lambda: 1 / 0, name="divider")
            thread.start()
            thread.join()

        (line,) = self.told(act)
        assert (line["event"], line["thread"]) == ("a thread failed", "divider")
        assert "ZeroDivisionError" in line["exception"]

    def test_a_destructor_that_fails(self) -> None:
        class Bad:
            def __del__(self) -> None:
                raise ValueError("boom")

        def act(log: Any) -> None:
            Bad()
            gc.collect()

        (line,) = self.told(act)
        assert "ValueError: boom" in line["exception"]

    def test_warnings(self) -> None:
        def act(log: Any) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                logging.captureWarnings(True)
                warnings.warn("old", DeprecationWarning, stacklevel=1)

        assert any("DeprecationWarning: old" in line["event"] for line in self.told(act))


class TestFloods:
    """What causes a line may come from the network, as often as somebody likes."""

    def told(self, act: Callable[[Any], None]) -> list[dict[str, Any]]:
        return [json.loads(line) for line in written(act, TelemetrySettings("json", "info")).splitlines()]

    def test_of_lines_are_cut_and_others_are_not(self) -> None:
        def act(log: Any) -> None:
            for number in range(20_000):
                log.info("request refused", number=number)
            log.info("call began")

        lines = self.told(act)
        assert 500 <= len(lines) < 2000
        assert lines[-1]["event"] == "call began"

    def test_of_tracebacks_are_cut_sooner(self) -> None:
        def act(log: Any) -> None:
            for _ in range(1000):
                try:
                    raise ValueError("boom")
                except ValueError:
                    log.exception("failed")
                    logging.getLogger("aiohttp.server").exception("Error handling request from %s", "10.0.0.1")

        assert len(self.told(act)) <= 2 * 13

    def test_what_was_held_back_is_counted(self) -> None:
        now = [0.0]
        moderator = Moderator(lambda: now[0])
        assert [moderator.permit("failed", True) for _ in range(100)].count(0) == 10
        assert moderator.permit("failed", False) == 0, "a line without a traceback is another one"
        now[0] = 10.0
        assert moderator.permit("failed", True) == 90
        assert moderator.permit("failed", True) == 0

    def test_names_are_not_remembered_for_ever(self) -> None:
        moderator = Moderator()
        for number in range(1000):
            moderator.permit(f"event {number}", False)
        held = held_by(moderator)
        for number in range(9000):
            moderator.permit(f"another event {number}", False)
        assert held_by(moderator) <= held

    def test_the_next_line_says_how_many(self) -> None:
        moderator = Moderator(iter([0.0] * 20 + [100.0]).__next__)
        log = logging.getLogger("x")
        for _ in range(20):
            try:
                moderator(log, "error", {"event": "failed", "exc_info": True})
            except structlog.DropEvent:
                pass
        assert moderator(log, "error", {"event": "failed", "exc_info": True})["held_back"] == 10


class TestWhatStrangersWrote:
    def test_does_nothing_to_the_terminal_of_whoever_reads(self) -> None:
        wild = "\x1b[2J\x1b]0;owned\x07\x9b31m"
        shown = harmless(None, "info", {"event": "login failed", "user": wild, "count": 3})
        assert shown["user"].isprintable() and shown["count"] == 3
