"""What the demo prints, and that it ends what it started when something fails."""

import asyncio
import io
import json
import os
import signal
from pathlib import Path

import pytest

from splitter.lab import demo
from splitter.lab.gateway import GatewayFailed, GatewayProcess
from splitter.lab.rows import Check
from splitter.lab.stage import Stage, call_id_in, header_in

ROWS = [Check("one", True, "all well"), Check("another one", False, "nothing heard")]
RAW = "INVITE sip:1@h SIP/2.0\r\nFrom: <sip:138@h>;tag=1\r\nx-splitter-call: 0a1b2c\r\nContent-Length: 0\r\n\r\n"


class TestTable:
    def test_text(self) -> None:
        assert demo.table(ROWS).splitlines() == [
            "ok    one          all well",
            "FAIL  another one  nothing heard",
            "1 of 2 checks hold, 1 FAILED",
        ]

    def test_json(self) -> None:
        told = json.loads(demo.as_json(ROWS))
        assert told["ok"] is False
        assert told["checks"][1] == {"name": "another one", "ok": False, "detail": "nothing heard"}
        assert json.loads(demo.as_json(ROWS[:1]))["ok"] is True


class TestProgress:
    def test_one_line_a_step_where_there_is_no_terminal(self) -> None:
        stream = io.StringIO()
        progress = demo.ProgressLine(stream)
        progress("first")
        progress("second")
        progress.done()
        assert [line.partition("] ")[2] for line in stream.getvalue().splitlines()] == ["first", "second"]

    def test_a_line_written_over_on_a_terminal(self) -> None:
        stream = io.StringIO()
        stream.isatty = lambda: True  # type: ignore[method-assign]
        progress = demo.ProgressLine(stream)
        progress("first")
        progress.done()
        assert stream.getvalue().startswith("\r\x1b[K[")
        assert stream.getvalue().endswith("\r\x1b[K")


class TestInvite:
    def test_call_id_and_headers(self) -> None:
        assert call_id_in({"raw": RAW}) == "0a1b2c"
        assert call_id_in({"raw": "INVITE sip:1@h SIP/2.0\r\n\r\n"}) is None
        assert header_in(RAW, "From") == "<sip:138@h>;tag=1"
        assert header_in(RAW, "To") == ""


class TestFailure:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
        """The gateway fails at its start; the stages that were made are kept."""
        stages: list[Stage] = []

        async def start(self: GatewayProcess) -> None:
            raise GatewayFailed("the gateway ended at its start: no such number")

        class Remembered(Stage):
            def __init__(self) -> None:
                super().__init__()
                stages.append(self)

        monkeypatch.setattr(GatewayProcess, "start", start)
        monkeypatch.setattr(demo, "Stage", Remembered)
        return stages

    @pytest.mark.interop
    async def test_a_row_says_so_and_nothing_is_left(self, broken: list[Stage]) -> None:
        checks = await demo.run_once(lambda text: None)
        assert [(check.name, check.ok) for check in checks] == [
            ("the demo runs to its end", False),
            ("the gateway ends in order", False),
        ]
        assert checks[0].detail == "the gateway ended at its start: no such number"
        stage = broken[0]
        with pytest.raises(ProcessLookupError):
            os.kill(stage.centre.pid, 0)
        assert not Path(stage.gateway.configuration).exists()

    def test_ctrl_c_ends_it_in_order(self) -> None:
        ended = []

        async def main() -> int:
            try:
                asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
                await asyncio.Event().wait()
                return 1
            finally:
                await asyncio.sleep(0)
                ended.append("in order")

        assert demo.run(main) is None
        assert ended == ["in order"]
