"""Who is shown what: the rules, one by one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from splitter.media.room.layout import SLATE, in_mosaic, source_for


@dataclass(frozen=True)
class Somebody:
    """A participant, as the layout sees it."""

    name: str
    sends: bool = True
    first: bool = False
    aside: bool = False
    beside: str = ""


PHONE, DARK = Somebody("caller"), Somebody("caller", sends=False)
HOST, SECOND = Somebody("desk-1", first=True), Somebody("desk-2", aside=True)
EXPERT, PAGE, PROGRAM = Somebody("expert-1", aside=True), Somebody("guest-1"), Somebody("desk-3")


def shown(viewer: Somebody, *present: Somebody, chosen: str = "", stills: tuple[str, ...] = ()) -> str:
    found = source_for(viewer, chosen, {one.name: one for one in (viewer, *present)}, set(stills))
    return found if isinstance(found, str) else found.name


class TestTheCaller:
    @pytest.mark.parametrize("viewer", [PHONE, PAGE], ids=["the phone", "the caller's page"])
    @pytest.mark.parametrize(
        ("present", "expected"),
        [
            ((HOST, SECOND), "desk-1"),
            ((HOST, PROGRAM), "desk-1"),
            ((PROGRAM, HOST), "desk-1"),
            ((Somebody("desk-1", sends=False, first=True), PROGRAM), "desk-3"),
            ((HOST, Somebody("desk-9", first=True)), "desk-9"),
            ((Somebody("seat-1"), Somebody("seat-2")), "seat-2"),
            ((SECOND, EXPERT), SLATE),
            ((), SLATE),
        ],
    )
    def test_sees_the_host_before_others(self, viewer: Somebody, present: tuple[Somebody, ...], expected: str) -> None:
        assert shown(viewer, *present) == expected

    def test_does_not_see_its_own_page(self) -> None:
        assert shown(PHONE, PAGE) == SLATE


class TestTheOthers:
    @pytest.mark.parametrize("viewer", [HOST, SECOND, EXPERT, PROGRAM], ids=lambda one: one.name)
    def test_see_the_phone_before_the_callers_page(self, viewer: Somebody) -> None:
        assert shown(viewer, PAGE, PHONE) == "caller"
        assert shown(viewer, PAGE, DARK) == "guest-1"
        assert shown(viewer, DARK) == SLATE

    def test_do_not_see_each_other_by_themselves(self) -> None:
        assert shown(HOST, DARK, EXPERT, SECOND) == SLATE


class TestAChoice:
    def test_counts_for_those_who_are_aside(self) -> None:
        assert shown(PHONE, HOST, EXPERT, chosen="expert-1") == "expert-1"
        assert shown(HOST, PHONE, EXPERT, chosen="expert-1") == "expert-1"

    def test_of_somebody_who_sends_nothing_is_the_slate(self) -> None:
        assert shown(PHONE, HOST, Somebody("desk-2", sends=False), chosen="desk-2") == SLATE

    def test_may_be_a_still(self) -> None:
        assert shown(PHONE, HOST, chosen="picture:map", stills=("picture:map",)) == "picture:map"
        assert shown(PHONE, HOST, chosen=SLATE) == SLATE

    def test_is_without_effect_once_its_source_is_gone(self) -> None:
        assert shown(PHONE, HOST, chosen="picture:map") == "desk-1"
        assert shown(PHONE, HOST, chosen="expert-9") == "desk-1"


class TestAFurtherStream:
    def test_shows_what_is_chosen_for_it_and_nothing_by_itself(self) -> None:
        window = Somebody("desk-1.1", sends=False, beside="desk-1")
        assert shown(window, PHONE, EXPERT) == SLATE
        assert shown(window, PHONE, EXPERT, chosen="expert-1") == "expert-1"
        assert shown(window, PHONE, chosen="expert-1") == SLATE, "it has left"


class TestTheMosaic:
    @pytest.mark.parametrize(
        ("present", "wanted", "viewers", "speakers", "expected"),
        [
            ((PHONE, HOST, EXPERT), (), ("caller",), (), ("desk-1", "expert-1")),
            ((PHONE, EXPERT, HOST), (), ("caller",), (), ("desk-1", "expert-1")),
            ((PHONE, HOST), (), ("caller",), (), ()),
            ((PHONE, HOST), (), ("caller", "desk-2"), (), ("desk-1", "caller")),
            ((PHONE, HOST, PROGRAM), (), ("desk-3",), (), ("desk-1", "caller")),
            ((PHONE, HOST, EXPERT), ("caller", "expert-1"), ("caller",), (), ("caller", "expert-1")),
            ((DARK, HOST, EXPERT), ("caller", "expert-1"), ("caller",), (), ()),
            ((PAGE, HOST, SECOND), (), ("guest-1",), (), ("desk-1", "desk-2")),
            (
                (SECOND, EXPERT, PROGRAM, Somebody("desk-4"), Somebody("desk-5"), HOST),
                (),
                ("caller",),
                ("desk-5", "desk-3", "gone"),
                ("desk-1", "desk-2", "desk-3", "desk-5"),
            ),
        ],
    )
    def test_has_who_sends_the_host_first_and_speakers_before_others(
        self,
        present: tuple[Somebody, ...],
        wanted: tuple[str, ...],
        viewers: tuple[str, ...],
        speakers: tuple[str, ...],
        expected: tuple[str, ...],
    ) -> None:
        assert in_mosaic(present, wanted, viewers, speakers, 4) == expected

    def test_is_seen_by_choice_alone_and_its_tiles_see_nothing_else(self) -> None:
        mosaic, tile = Somebody("mosaic", aside=True), Somebody("mosaic.1", sends=False, aside=True)
        assert shown(PHONE, mosaic) == SLATE
        assert shown(PHONE, mosaic, HOST, chosen="mosaic") == "mosaic"
        assert shown(HOST, mosaic, PHONE) == "caller"
        assert shown(tile, PHONE, HOST) == SLATE
        assert shown(tile, PHONE, HOST, chosen="desk-1") == "desk-1"
