"""Films are what their encoder would have made, whoever filmed the same before."""

from __future__ import annotations

import pytest

from tests.media.room.film import Encoder, Film, Lens

TAKES = [
    [(91, True), (91, False), (91, False), (91, False)],
    [(91, True), (91, False), (91, True), (91, False)],
    [(91, True), (91, False), (201, False), (91, False)],
    [(91, True), (91, False), (91, False), (91, False), (201, False)],
]


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_is_what_an_encoder_of_its_own_makes(profile: str) -> None:
    lens = Lens((160, 128), 0, profile)
    for take in TAKES:
        film, encoder = Film(lens), Encoder(lens)
        for luma, key in take:
            assert film.next(luma, key) == encoder.encode(luma, key)
