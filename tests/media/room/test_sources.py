"""Pictures, the slate and seats as sources in turn: what comes out is decoded after every switch."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import SourceShown
from splitter.media.room import pictures
from splitter.rtp import h264
from splitter.rtp.feedback import Pli
from splitter.rtp.packet import timestamp_delta
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about

LUMA = {"slate": SLATE_LUMA, "seat-1": 120, "seat-2": 200, "picture:white": 255, "picture:grey": 160}


@cache
def image(level: int, size: tuple[int, int] = (480, 640), form: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(made, form)
    return made.getvalue()


def put(stage: Stage, picture_id: str, data: bytes) -> Exception | None:
    """Put a picture and wait until it is decoded."""
    outcome: list[Exception | None] = []
    stage.room.put_picture(picture_id, data, outcome.append)
    stage.loop.advance(stage.loop.thread_s)
    assert len(outcome) == 1
    return outcome[0]


def stand(**caller: Any) -> tuple[Stage, Peer, Peer, Peer]:
    """A caller, two seats that send, and two pictures."""
    stage = Stage()
    shown = stage.join("caller", **caller)
    first = stage.join("seat-1", Camera(120), orientation_id=7)
    second = stage.join("seat-2", Camera(200), orientation_id=7)
    assert put(stage, "white", image(255)) is None
    assert put(stage, "grey", image(160)) is None
    return stage, shown, first, second


def play(pictures: int, *seats: Peer) -> None:
    for _ in range(pictures):
        for seat in seats:
            seat.heed()
            for data in seat.packets():
                seat.deliver(data)
        seats[0].stage.loop.advance(1 / 15)


def kinds(lumas: list[int], *expected: str) -> list[str]:
    """What each picture is of, runs as one; anything that is none of `expected` fails."""
    found: list[str] = []
    for luma in lumas:
        name = next((name for name in expected if about(luma, LUMA[name])), None)
        assert name is not None, f"a picture of brightness {luma} is none of {expected}"
        if not found or found[-1] != name:
            found.append(name)
    return found


def continuous(peer: Peer) -> None:
    """One SSRC, no gap, timestamps that never go back nor run ahead of the clock."""
    got = peer.got()
    assert len({one.ssrc for one in got}) == 1
    assert all(later - earlier == 1 for earlier, later in pairwise(peer.numbers()))
    times = [at for _, _, at in peer.pair.rtp]
    for (one, at), (other, then) in pairwise(zip(got, times, strict=True)):
        step = timestamp_delta(other.timestamp, one.timestamp)
        assert 0 <= step <= (then - at) * 90_000 + 9000


class TestSwitching:
    """Any source after any other: no complaint of the decoder, never black, nothing old after the switch."""

    @pytest.mark.parametrize("mode", [0, 1])
    def test_round_and_round(self, mode: int) -> None:
        stage, caller, first, second = stand(packetization_mode=mode, orientation_id=4)
        play(4, first, second)
        tour = [
            "picture:white",
            "seat-1",
            "picture:grey",
            "seat-2",
            "slate",
            "picture:white",
            "picture:grey",
            "slate",
            "seat-1",
            "seat-2",
            "seat-1",
            "picture:white",
        ]
        for source in tour:
            stage.room.show("caller", source)
            play(12, first, second)
            shown = [one.source for one in stage.of(SourceShown) if one.viewer == "caller"]
            assert shown[-1] == source
        assert (
            shown == kinds(caller.pictures(), *LUMA) == ["slate", "seat-1", "seat-2", *tour]
        )  # seat-1 was there first
        continuous(caller)

    def test_each_begins_with_parameter_sets_and_an_idr(self) -> None:
        stage, caller, first, second = stand()
        for source in ("picture:white", "seat-1", "slate", "seat-2", "picture:grey"):
            play(10, first, second)
            sent = len(caller.got())
            stage.room.show("caller", source)
            play(5, first, second)
            began = next(one for one in stage.of(SourceShown)[::-1] if one.viewer == "caller")
            assert began.source == source
            fresh = caller.got()[sent:]
            key = next(index for index, one in enumerate(fresh) if h264.starts_idr(one.payload))
            stamp = fresh[key].timestamp
            units = [
                unit[0] & 0x1F
                for one in fresh
                if one.timestamp == stamp
                for unit in (h264.split_stap_a(one.payload) if one.payload[0] & 0x1F == h264.STAP_A else [one.payload])
            ]
            assert units[:2] == [h264.SPS, h264.PPS]

    def test_back_to_the_rooms_own_choice(self) -> None:
        stage, caller, first, second = stand()
        stage.room.show("caller", "picture:white")
        play(8, first, second)
        stage.room.show("caller", "")
        play(8, first, second)
        assert about(caller.pictures()[-1], 200), "the newest seat that sends"

    def test_orientation_is_reset(self) -> None:
        stage, caller, first, second = stand(orientation_id=4)
        first.extensions = ((7, b"\x01"),)
        for source, turn in (("seat-1", 1), ("picture:white", 0), ("seat-1", 1), ("slate", 0)):
            stage.room.show("caller", source)
            play(10, first, second)
            assert [one.extensions for one in caller.got() if one.extensions][-1] == ((4, bytes((turn,))),), source

    def test_quick_changes_of_mind_end_with_the_last(self) -> None:
        stage, caller, first, second = stand()
        play(5, first, second)
        for source in ("picture:white", "seat-1", "picture:grey", "slate", "seat-2", "picture:white", "seat-1"):
            stage.room.show("caller", source)
            for data in first.packets():
                first.deliver(data)
        play(10, first, second)
        assert about(caller.pictures()[-1], 120)
        continuous(caller)

    @pytest.mark.parametrize("source", ["slate", "picture:white"])
    @pytest.mark.parametrize("lost_marker", [False, True])
    def test_a_picture_under_way_ends_before_a_still(self, source: str, lost_marker: bool) -> None:
        stage = Stage()
        caller = stage.join("caller")
        seat = stage.join("seat-1", Camera(120, slices=400))
        seat.limit = 420
        put(stage, "white", image(255))
        stage.room.show("caller", "picture:white")
        seat.show(8)
        stage.room.show("caller", "seat-1")
        seat.show(8)
        whole = len(caller.pictures())
        packets = seat.packets()
        assert len(packets) > 5
        for data in packets[:3]:
            seat.deliver(data)
        stage.room.show("caller", source)
        assert stage.events[-1].source == "seat-1", "the picture is not cut in two"
        if lost_marker:
            stage.loop.advance(0.11)
            assert stage.events[-1] == SourceShown("c1", "caller", source, "asked for")
            return
        for data in packets[3:]:
            seat.deliver(data)
        assert stage.events[-1] == SourceShown("c1", "caller", source, "asked for")
        seat.show(8)
        lumas = caller.pictures()[whole:]
        assert about(lumas[0], 120) and all(about(luma, LUMA[source]) for luma in lumas[1:])
        continuous(caller)


class TestAPictureThatIsNotThereYet:
    def test_what_was_shown_stays_until_it_is_encoded(self) -> None:
        stage, caller, first, second = stand()
        play(5, first, second)
        stage.loop.thread_s = 1.0
        stage.room.show("caller", "picture:white")
        play(12, first, second)
        assert about(caller.pictures()[-1], 200)
        play(10, first, second)
        lumas = caller.pictures()
        assert kinds(lumas, *LUMA) == ["slate", "seat-1", "seat-2", "picture:white"]

    def test_a_viewer_who_is_shown_nothing_gets_the_slate_meanwhile(self) -> None:
        stage = Stage()
        put(stage, "white", image(255))
        stage.room.show("caller", "picture:white")
        caller = stage.join("caller")
        assert about(caller.pictures()[0], SLATE_LUMA)
        stage.loop.advance(2.0)
        assert kinds(caller.pictures(), *LUMA) == ["slate", "picture:white"]

    def test_the_source_that_is_shown_meanwhile_may_go(self) -> None:
        stage, caller, first, second = stand()
        play(5, first, second)
        stage.loop.thread_s = 1.0
        stage.room.show("caller", "picture:white")
        stage.room.leave("seat-2")
        stage.room.leave("seat-1")
        stage.loop.advance(2.0)
        assert kinds(caller.pictures(), *LUMA)[-2:] == ["slate", "picture:white"]

    def test_chosen_before_it_was_put(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(120))
        seat.show(4)
        stage.room.show("caller", "picture:late")
        seat.show(8)
        assert about(caller.pictures()[-1], 120), "the room's own choice"
        put(stage, "late", image(255))
        seat.show(8)
        assert about(caller.pictures()[-1], 255)

    def test_it_is_encoded_once_for_all_who_can_take_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        encoded: list[object] = []
        monkeypatch.setattr(
            pictures,
            "_encode",
            lambda picture, form, real=pictures._encode: encoded.append(form) or real(picture, form),
        )
        stage = Stage()
        put(stage, "white", image(255))
        for name in ("caller", "seat-1", "seat-2"):
            stage.join(name)
            stage.room.show(name, "picture:white")
        stage.loop.advance(1.0)
        stage.room.show("caller", "slate")
        stage.room.show("caller", "picture:white")
        stage.loop.advance(1.0)
        assert len(encoded) == 1
        assert [one.source for one in stage.room.report().participants] == ["picture:white"] * 3


class TestFormsOfAPicture:
    @pytest.mark.parametrize(
        ("negotiated", "source", "expected"),
        [
            ({}, (480, 640), (480, 640)),
            ({}, (1200, 500), (640, 480)),
            ({"size": (480, 640)}, (1200, 500), (480, 640)),
            ({"max_macroblocks": 396, "bitrate_kbps": 384}, (480, 640), (240, 320)),
            ({"max_macroblocks": 99, "bitrate_kbps": 64}, (640, 480), (176, 144)),
        ],
    )
    def test_fits_the_viewer(
        self, negotiated: dict[str, Any], source: tuple[int, int], expected: tuple[int, int]
    ) -> None:
        stage = Stage()
        caller = stage.join("caller", **negotiated)
        put(stage, "white", image(255, source))
        stage.room.show("caller", "picture:white")
        stage.loop.advance(1.0)
        (began,) = (event for event in stage.of(SourceShown) if event.source == "picture:white")
        assert began.viewer == "caller"
        assert caller.decoded()[-1][1] == expected

    def test_packets_are_single_units_of_a_size_that_travels(self) -> None:
        stage = Stage()
        caller = stage.join("caller", packetization_mode=0)
        put(stage, "busy", _busy(480, 640))
        stage.room.show("caller", "picture:busy")
        stage.loop.advance(2.0)
        assert stage.events[-1].source == "picture:busy"
        assert all(0 < one.payload[0] & 0x1F < h264.STAP_A for one in caller.got())
        assert max(len(data) for data, _, _ in caller.pair.rtp) <= 1200

    @pytest.mark.parametrize("kbps", [960, 384])
    def test_a_key_frame_takes_no_longer_than_the_bit_rate_allows(self, kbps: int) -> None:
        stage = Stage()
        caller = stage.join("caller", bitrate_kbps=kbps)
        put(stage, "busy", _busy(480, 640))
        stage.room.show("caller", "picture:busy")
        before = len(caller.got())
        stage.loop.advance(1.0)
        sizes: dict[int, int] = {}
        for one in caller.got()[before:]:
            sizes[one.timestamp] = sizes.get(one.timestamp, 0) + len(one.payload)
        assert 8 * max(sizes.values()) / 1000 / kbps < 0.65

    def test_another_format_gets_another_form(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        put(stage, "white", image(255))
        stage.room.show("caller", "picture:white")
        stage.loop.advance(1.0)
        less = replace(caller.media.send_format, max_macroblocks=396, bitrate_kbps=384)
        stage.room.set_participant("caller", replace(caller.media, send_format=less))
        sent = len(caller.got())
        stage.loop.advance(1.0)
        sizes = {size for _, size in caller.decoded(caller.got()[sent:])}
        assert sizes == {(240, 320)}, "nothing that is too large for what it can take now"
        assert about(caller.pictures(caller.got()[sent:])[-1], 255)


def _busy(width: int, height: int) -> bytes:
    """A picture that is hard to compress."""
    grain = np.random.default_rng(3).integers(40, 215, (height // 8, width // 8, 3), dtype=np.uint8)
    made = io.BytesIO()
    Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC).save(made, "PNG")
    return made.getvalue()


class TestWhatCannotBeShown:
    @pytest.mark.parametrize(
        "make",
        [lambda: b"", lambda: b"no picture", lambda: image(255)[:70], lambda: image(9, (8000, 8000))],
        ids=["empty", "text", "cut", "too-large"],
    )
    def test_is_told(self, make: Callable[[], bytes]) -> None:
        stage = Stage()
        caller = stage.join("caller")
        fault = put(stage, "bad", make())
        assert isinstance(fault, MediaUnavailable)
        assert str(fault).startswith("picture bad: ")
        stage.room.show("caller", "picture:bad")
        stage.loop.advance(1.0)
        assert about(caller.pictures()[-1], SLATE_LUMA)

    def test_old_pictures_make_room_for_new_ones(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        for number in range(17):
            assert put(stage, str(number), image(255 if number else 160, (64, 64))) is None
        stage.room.show("caller", "picture:0")
        stage.loop.advance(1.0)
        assert stage.room.report().participants[0].source == "slate"
        stage.room.show("caller", "picture:16")
        stage.loop.advance(1.0)
        assert stage.room.report().participants[0].source == "picture:16"
        assert caller.got()


class TestKeyFramesOfAStill:
    @pytest.mark.parametrize("ask", ["pli", "info"])
    def test_come_when_asked_for(self, ask: str) -> None:
        stage = Stage()
        caller = stage.join("caller")
        put(stage, "white", image(255))
        stage.room.show("caller", "picture:white")
        stage.loop.advance(1.3)
        asks: Callable[[], None] = (
            (lambda: caller.feed(Pli(caller.ssrc, caller.got()[0].ssrc)))
            if ask == "pli"
            else (lambda: stage.room.request_key_frame("caller"))
        )
        sent = len(caller.got())
        asks()
        assert any(h264.starts_idr(one.payload) for one in caller.got()[sent:])
