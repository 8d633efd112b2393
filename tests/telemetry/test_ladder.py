"""The ladder against golden files: a trace in the format of `splitter trace --raw`, and what is drawn of it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from splitter.telemetry import golden
from splitter.telemetry.ladder import Ladder, draw, legs_of
from splitter.telemetry.trace import TraceEvent

GOLDEN = Path(__file__).parent / "golden"
TRACES = sorted(GOLDEN.glob("*.trace"))


def trace(name: str) -> list[TraceEvent]:
    return golden.load((GOLDEN / f"{name}.trace").read_text(encoding="utf-8"))


class TestGoldenLadders:
    @pytest.mark.parametrize("file", TRACES, ids=lambda file: file.stem)
    def test_is_drawn_as_before(self, file: Path) -> None:
        drawn = draw(trace(file.stem), zone=UTC)
        assert drawn == file.with_suffix(".ladder").read_text(encoding="utf-8")

    def test_there_are_some(self) -> None:
        assert len(TRACES) >= 2


class TestReading:
    def lines(self, name: str = "split", width: int | None = None) -> list[str]:
        return draw(trace(name), width, UTC).splitlines()

    def test_an_arrow_points_to_where_the_message_went(self) -> None:
        lines = self.lines()
        invite_in = next(line for line in lines if "INVITE ─" in line and "offer" in line)
        assert invite_in.index("▶") < invite_in.index("│", invite_in.index("▶"))
        assert invite_in[: invite_in.index("▶")].count("│") == 1
        bye_out = next(line for line in lines if "BYE ─" in line and "▶" in line.split("BYE")[1] and "│──" in line)
        assert bye_out

    def test_lifelines_stand_in_one_column(self) -> None:
        columns = {index for line in self.lines(width=100)[1:] for index, char in enumerate(line[:85]) if char == "│"}
        assert len(columns) == 4

    @pytest.mark.parametrize("width", [100, 120, 140])
    def test_fits_the_terminal(self, width: int) -> None:
        lines = self.lines(width=width)
        # the ladder itself takes 80; 24 columns are always left for words, and lines may end a little late for that
        assert max(map(len, lines)) <= max(width, 108)

    def test_wrapping_loses_no_word(self) -> None:
        narrow = " ".join(" ".join(self.lines(width=100)).replace("│", " ").split())
        for word in ("AMR-WB/107", "42c01f", "10.9.0.1:30000", "clearing"):
            assert word in narrow

    def test_a_retransmission_is_told_as_such(self) -> None:
        assert sum(line.endswith("  again") for line in self.lines()) == 1

    def test_what_concerns_the_whole_call_stands_under_us(self) -> None:
        lines = self.lines()
        header = lines[0]
        state = next(line for line in lines if "state:" in line)
        assert header.index("splitter") <= state.index("●") < header.index("splitter") + len("splitter")

    def test_media_of_a_leg_stands_under_it(self) -> None:
        lines = self.lines()
        media = next(line for line in lines if "media: first audio" in line)
        assert lines[0].index("caller") <= media.index("▪") < lines[0].index("caller") + len("caller")

    def test_times_are_relative_to_the_first_event(self) -> None:
        lines = self.lines()
        assert lines[1].split()[1] == "+0.000"
        assert lines[3].split()[1] == "+0.002"

    def test_a_leg_without_a_column_is_named(self) -> None:
        ladder = Ladder(["caller", "centre"], zone=UTC)
        drawn = [line for event in trace("split") for line in ladder.lines(event)]
        assert any("seat-1 in: INVITE" in line for line in drawn)

    def test_a_call_without_a_centre_still_has_its_column(self) -> None:
        assert legs_of(trace("refused")) == ["caller", "centre"]

    def test_colour_only_where_it_is_wanted(self) -> None:
        events = trace("split")
        assert "\x1b[" not in draw(events)
        ladder = Ladder(legs_of(events), colour=True)
        assert any("\x1b[1;31m" in line for event in events for line in ladder.lines(event))

    def test_nothing_is_drawn_of_nothing(self) -> None:
        assert draw([]).count("\n") == 1
