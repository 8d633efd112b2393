"""The table of docs/sizing.md says what bench/results has measured."""

from __future__ import annotations

import json
import re

import pytest

from tests.docs.samples import DOCS, ROOT

# Words of the row → the result, the row's first words there, its column, and what that is to be multiplied by.
FIGURES = [
    ("a voice call | 5 ms", "rate", "splitter, a voice call", "ms CPU per call", 1),
    ("core of its own, 9 ms", "split", "splitter, a voice call", "ms CPU per call", 1),
    ("video call | 12 ms", "split", "splitter, a video call", "ms CPU per call", 1),
    ("100 packets a second in both directions together | 0.05 %", "relay", "splitter", "µs, 172 B", 100 / 1e4),
    (
        "some 300 packets a second in both directions | 0.4 %",
        "secure",
        "splitter, a room",
        "µs, 1100 B even",
        300 / 1e4,
    ),
    ("conference of four voices | 2 %", "mixes", "splitter", "% of a core, a party", 4),
    ("beside the above | 0.2 %", "webcalls", "PCMA straight through: splitter", "of a core", 1),
    ("0.2 %; 0.9 %", "webcalls", "Opus transcoded: splitter", "of a core", 1),
    ("| 70 in", "memory", "signalling", "kB per call", 1),
    ("process, 40 in", "memory", "media", "kB per call", 1),
    ("; 180 new", "rate", "splitter, a voice call", "calls/s", 1),
]


def measured(name: str, row: str, column: str) -> float:
    """One figure of a result."""
    result = json.loads((ROOT / "bench/results" / f"{name}.json").read_text(encoding="utf-8"))
    cells = next(cells for cells in result["rows"] if cells[0].startswith(row))
    return float(cells[result["columns"].index(column)].removesuffix(" %"))


@pytest.mark.parametrize(("words", "name", "row", "column", "times"), FIGURES)
def test_says_what_was_measured(words: str, name: str, row: str, column: str, times: float) -> None:
    text = (DOCS / "sizing.md").read_text(encoding="utf-8")
    assert words in text
    said = float(re.findall(r"[\d.]+", words)[-1])
    if "180 new" in words:
        said = 180.0
    elif "40 in" in words or "70 in" in words:
        said = float(re.findall(r"\d+", words)[0])
    assert said == pytest.approx(measured(name, row, column) * times, rel=0.4)


@pytest.mark.parametrize(
    "figure", ["5 ms", "9 ms", "12 ms", "0.05 %", "0.4 %", "2 %", "0.2 %", "0.9 %", "110 kB", "180"]
)
def test_says_it_in_chinese_too(figure: str) -> None:
    assert figure in (DOCS / "zh/sizing.md").read_text(encoding="utf-8")
