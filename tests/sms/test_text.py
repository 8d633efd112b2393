"""The length of messages, and how they are cut (3GPP TS 23.038, TS 23.040)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.sms.text import MOST_PARTS, count_parts, is_plain, pieces, units
from splitter.sms.wording import BUILT_IN, written

LINK = "https://video.example.org/g/0123456789"


class TestLength:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("视" * 70, 1), ("视" * 71, 2), ("视" * 134, 2),
         ("视" * 135, 3), ("视" * 68 + "😀", 1), ("视" * 69 + "😀", 2)],
    )  # fmt: skip
    def test_is_counted_as_the_standard_does(self, text: str, parts: int) -> None:
        assert count_parts(text) == parts

    @pytest.mark.parametrize("sign", "@$_`[]{}\\^|~€é视\t")
    def test_signs_that_stand_elsewhere_in_the_gsm_alphabet_make_a_text_wide(self, sign: str) -> None:
        assert not is_plain(f"a{sign}") and is_plain("Open https://v.example/g/0123456789 now!")

    @pytest.mark.parametrize("language", sorted(BUILT_IN))
    def test_of_what_we_write_ourselves_is_one_message(self, language: str) -> None:
        text = written(BUILT_IN[language], LINK)
        assert count_parts(text) == 1 and (language == "en" or units(text) <= 70)


class TestCutting:
    @given(st.text(alphabet=st.characters(codec="utf-16"), min_size=1, max_size=300))
    def test_loses_nothing_and_no_half_of_a_sign(self, text: str) -> None:
        cut = pieces(text, 7, wide=True)
        assert "".join(piece.data.decode("utf-16-be") for piece in cut) == text
        assert all(len(piece.header + piece.data) <= 140 for piece in cut)

    def test_numbers_the_parts(self) -> None:
        first, second = pieces("a" * 200, 0x1F7)
        assert (first.header, second.header) == (b"\5\0\3\xf7\2\1", b"\5\0\3\xf7\2\2")
        assert (len(first.data), len(second.data), first.coding) == (153, 47, 0)

    def test_leaves_a_short_one_whole(self) -> None:
        [piece] = pieces("视频", 1)
        assert (piece.coding, piece.header, piece.data) == (8, b"", "视频".encode("utf-16-be"))

    def test_bounds_are_sensible(self) -> None:
        assert count_parts("a" * 1000) <= MOST_PARTS
