"""Whole negotiations as files: caller's offer, centre's offer, centre's answer, caller's answer, `----` between them.

Lines that begin with # say why the file is there. A fault from the field becomes a test by adding a file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.sdp.parse import parse
from splitter.sdp.write import write
from tests.sdp.playing import play

FILES = sorted((Path(__file__).parent / "golden").glob("*.sdp"))


def read(path: Path) -> list[str]:
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("#")]
    return "".join(lines).split("----\n")


def test_the_files_are_there() -> None:
    assert len(FILES) >= 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestGolden:
    def test_negotiation(self, path: Path) -> None:
        offer, centre_offer, centre_answer, caller_answer = read(path)
        asked, answered = play(offer.encode(), centre_answer.encode())
        assert asked == centre_offer
        assert answered == caller_answer

    def test_the_centre_sees_one_audio_line_and_no_video(self, path: Path) -> None:
        _, centre_offer, _, _ = read(path)
        lines = [line for line in centre_offer.splitlines() if line.startswith("m=")]
        assert [line.split()[0] for line in lines] == ["m=audio"]
        assert "H26" not in centre_offer

    def test_nothing_is_lost_between_reading_and_writing(self, path: Path) -> None:
        for text in read(path):
            session = parse(text)
            assert parse(write(session)) == session
            if path.stem != "careless_handset":
                assert write(session).decode().replace("\r\n", "\n") == text
