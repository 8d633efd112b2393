"""What failed is run once more, alone: it passes then, or has failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.twice import MOST

RACE = """
from pathlib import Path

def test_race() -> None:
    seen = Path(__file__).with_name("seen")
    again = seen.exists()
    seen.touch()
    assert again, "the first time"

def test_good() -> None:
    with Path(__file__).with_name("good").open("a") as runs:
        runs.write("x")
"""
FAULT = "def test_fault() -> None:\n    assert False, 'a fault'\n"
MANY = (
    "import pytest\n\n@pytest.mark.parametrize('n', range({count}))\ndef test_many(n: int) -> None:\n    assert False\n"
)


def play(folder: Path, text: str) -> tuple[int, str]:
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.twice", str(folder), "--rootdir", str(folder), "-c", str(folder / "pytest.ini")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    return ran.returncode, ran.stdout


def test_what_passes_alone_is_named(tmp_path: Path) -> None:
    code, printed = play(tmp_path, RACE)
    assert code == 0 and "the first time" in printed
    assert "to be mended: test_it.py::test_race" in printed.splitlines()[-1]
    assert (tmp_path / "good").read_text() == "x", "what passed is not run again"


@pytest.mark.parametrize(
    ("text", "runs"),
    [(FAULT, 2), (MANY.format(count=MOST), 2), (MANY.format(count=MOST + 1), 1), ("import nothing_such", 1)],
)
def test_what_fails_twice_or_in_numbers_has_failed(tmp_path: Path, text: str, runs: int) -> None:
    code, printed = play(tmp_path, text)
    assert code != 0 and "to be mended" not in printed
    assert printed.count("short test summary info") == runs
