from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from splitter.telemetry.log import configure
from splitter.telemetry.settings import TelemetrySettings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(settings: TelemetrySettings) -> list[str]:
    out = io.StringIO()
    configure(settings, out)
    log = structlog.get_logger("test")
    log.debug("too fine")
    log.info("call began", call_id="abc", number=3)
    logging.getLogger("asyncio").warning("slow %s", "callback")
    logging.getLogger("aiohttp").info("chatter")
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("failed")
    return out.getvalue().splitlines()


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
