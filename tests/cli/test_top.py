"""splitter top and say: the worst calls first, and a word to those in one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splitter.calls.asks import Denial, Write, Written
from splitter.calls.talk.aside import ChatSender
from splitter.calls.view import CarriedView, SilenceView
from tests.cli.kit import served
from tests.web.kit import CALL

BAD, FINE = CarriedView("caller", "audio", 900, 900, 100, mos=2.1), CarriedView("caller", "audio", 1000, 1000, mos=4.3)


async def test_the_worst_comes_first(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        silence = SilenceView("centre", 1.0, None, "nothing comes")
        parts.calls.add(replace(CALL, call_id="fine11", short_code="1", started_at=3.0))
        parts.calls.add(replace(CALL, call_id="bad222", short_code="2", started_at=1.0))
        parts.calls.add(replace(CALL, call_id="quiet3", short_code="3", started_at=2.0, silences=(silence,)))
        parts.calls.counted_of.update({"bad222": (BAD,), "fine11": (FINE,)})
        shown = await command("top", "--once")
        assert shown.exit_code == 0
        [_, *rows] = [line.split() for line in shown.stdout.splitlines() if line][1:]
        assert [row[0] for row in rows] == ["quiet3", "bad222", "fine11"]
        assert "no voice from centre" in shown.stdout and "2.1" in shown.stdout and "10.0%" in shown.stdout
        assert "\x1b[" not in shown.stdout, "nobody looks at a terminal"


async def test_without_calls_it_says_so(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, command):
        assert "no calls" in (await command("top")).stdout


async def test_a_word_to_those_in_a_call(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[Write] = Written(1)
        assert (await command("say", "4711", "please", "hold")).stdout == "it is written\n"
        [(_, ask)] = parts.calls.asked
        assert isinstance(ask, Write) and (ask.sender, ask.text) == (ChatSender.DESK, "please hold")
        parts.calls.answers[Write] = Denial(409, "not-connected", "the call is not connected")
        refused = await command("say", "4711", "hello")
        assert refused.exit_code == 1 and "not connected" in refused.stderr
