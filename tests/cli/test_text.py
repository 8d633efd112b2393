"""What strangers wrote does nothing to a terminal (w10: escapes in the user part of From and of the Request-URI)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.cli.text import across, coloured, cut, fitted, plain, table
from splitter.telemetry.ladder import Ladder
from splitter.telemetry.trace import TraceEvent
from tests.cli.kit import Command
from tests.telemetry.kit import FLOW
from tests.web.kit import CALL, Gateway, ended

ESCAPES = "\x1b]0;owned\x07\nroot\r\x9b31m\u202e\u2066\ud800\x7f"
SHOWN = r"\x1b]0;owned\x07\nroot\r\x9b31m\u202e\u2066\ud800\x7f"
CASE = (Path(__file__).parent.parent / "sip" / "careless" / "w10-escape-sequence-in-users.sip").read_bytes()


def acts(text: str) -> bool:
    """True if something in it would do more on a terminal than stand there."""
    return any(not letter.isprintable() and letter != "\n" for letter in text)


class TestPlain:
    def test_what_would_act_is_written_out(self) -> None:
        assert plain(ESCAPES) == SHOWN

    @pytest.mark.parametrize("text", ["", "+49 30 1", "张伟", "Müller – ☎", "a\\b", "👩‍💻"])
    def test_other_text_stays(self, text: str) -> None:
        assert plain(text) == text

    def test_cells_of_a_table(self) -> None:
        assert table(("A", "B"), [(ESCAPES, "x")]).splitlines()[1] == f"{SHOWN}  x"


class TestCommands:
    @pytest.mark.parametrize(
        "arguments", [("calls",), ("calls", "--json"), ("call", "4711"), ("call", "4711", "--json")]
    )
    async def test_calls_and_call(self, arguments: tuple[str, ...], parts: Gateway, command: Command) -> None:
        odd = replace(CALL, caller=ESCAPES.replace("\ud800", ""), called="\x1b[2J", showing="\x9b2J")

        parts.calls.add(odd)
        result = await command(*arguments)
        assert result.exit_code == 0
        assert not acts(result.stdout), result.stdout
        if "--json" in arguments:
            found = json.loads(result.stdout)
            assert (found[0] if isinstance(found, list) else found)["caller"] == odd.caller, "without loss"
        else:
            assert r"\x1b]0;owned\x07\nroot" in result.stdout

    async def test_those_that_ended(self, parts: Gateway, command: Command) -> None:
        parts.save(ended(replace(CALL, caller="\x1b[31m", end_reason="\x1b]0;x\x07")))
        result = await command("calls", "--ended")
        assert not acts(result.stdout) and r"\x1b[31m" in result.stdout

    @pytest.mark.parametrize("arguments", [(), ("--raw",), ("--json",), ("--width", "80")])
    async def test_trace(self, arguments: tuple[str, ...], parts: Gateway, command: Command) -> None:
        from splitter.sip.parse import parse_message

        parts.calls.add(CALL)
        parts.begin()
        message = parse_message(CASE)
        parts.recorder.bind(message.call_id, CALL.call_id, "caller")
        parts.recorder.message("in", FLOW, message, CASE)
        parts.recorder.event(CALL.call_id, "caller", "note", "from \x1b[31m\x9b")
        result = await command("trace", "4711", *arguments)
        assert result.exit_code == 0
        assert not acts(result.stdout), result.stdout

    async def test_an_error(self, parts: Gateway, command: Command) -> None:
        result = await command("call", "\x1b[31mnobody")
        assert result.exit_code == 1
        assert not acts(result.stderr)


class TestLadderInColour:
    def test_only_our_own_colours_act(self) -> None:
        events = [
            TraceEvent("c", 1.0, "caller", "message", "in", "p", "INVITE\x1b", b"INVITE\x1b[2J sip:x\r\n\r\n", 1),
            TraceEvent("c", 1.1, "caller\x1b", "alarm", "", "", "\x1b]0;x\x07", b"", 2),
            TraceEvent("c", 1.2, "caller", "message", "in", "p", "INVITE", CASE, 3),
        ]
        ladder = Ladder(["caller"], colour=True, clean=plain)
        text = "\n".join([ladder.header(), *(line for event in events for line in ladder.lines(event))])
        for ours in ("\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[1;31m"):
            text = text.replace(ours, "")
        assert not acts(text), text


class TestColours:
    @pytest.mark.parametrize(
        ("name", "value", "has"), [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False)]
    )
    def test_are_left_out_where_that_is_wanted(
        self, name: str, value: str, has: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """no-color.org: when NO_COLOR is present and not empty."""
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv(name, value)
        assert coloured() is has


class TestWidth:
    """What a terminal of that width shows of a table."""

    TITLES = ("ID", "CALLER", "CENTRE", "REASON")
    ROWS = (("7kq2m0000000", "13800138000", "pbx", "the agent's phone was busy"), ("8zz2m0000000", "王小明", "-", "–"))

    @pytest.fixture
    def wide(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        def of(columns: int) -> None:
            monkeypatch.setattr("splitter.cli.text._room", lambda: columns)

        return of

    @pytest.mark.parametrize("columns", [0, 61, 200])
    def test_what_fits_is_whole(self, columns: int, wide: Callable[[int], None]) -> None:
        wide(columns)
        assert fitted(self.TITLES, self.ROWS, ("CENTRE",)) == table(self.TITLES, self.ROWS)

    def test_what_is_spare_goes_first_and_then_the_longest_is_cut(self, wide: Callable[[int], None]) -> None:
        wide(55)
        lines = fitted(self.TITLES, self.ROWS, ("CENTRE",)).splitlines()
        assert lines[0] == "ID            CALLER       REASON"
        assert lines[1].endswith("the agent's phone was busy")
        wide(40)
        lines = fitted(self.TITLES, self.ROWS, ("CENTRE",)).splitlines()
        assert lines[1] == "7kq2m0000000  13800138000  the agent's…"

    @pytest.mark.parametrize("columns", range(20, 70))
    def test_no_line_is_wider_and_no_id_is_cut(self, columns: int, wide: Callable[[int], None]) -> None:
        wide(columns)
        lines = fitted(self.TITLES, self.ROWS, ("CENTRE",)).splitlines()
        assert max(map(across, lines)) <= max(columns, 12 + 2 + 8 + 2 + 8)
        assert [line.split()[0] for line in lines[1:]] == ["7kq2m0000000", "8zz2m0000000"]

    def test_chinese_letters_are_two_columns_wide(self) -> None:
        first, second = table(("NAME", "STATE"), [("王小明", "up"), ("pbx", "up")]).splitlines()[1:]
        assert (first, second) == ("王小明  up", "pbx     up")
        assert cut("王小明在", 7) == "王小明…" and across("e\u0301") == 1
