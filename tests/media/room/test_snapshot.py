"""Stills of what participants send: whole, upright, bounded in time, whatever the network does."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import KeyFrameWanted
from splitter.media.ports.rooms import Snapshot
from splitter.media.room import decode
from splitter.media.room.decode import Undecodable, turned, upright_png
from splitter.media.slate.draw import Picture
from splitter.rtp import h264
from splitter.rtp.feedback import Pli
from tests.garbage import held_by
from tests.media.room.kit import Camera, Peer, Stage, about


def take(stage: Stage, name: str = "caller") -> list[Snapshot | Exception]:
    """Ask for one; the list gets the outcome."""
    outcome: list[Snapshot | Exception] = []
    stage.room.snapshot(name, outcome.append)
    return outcome


def picture(snapshot: Snapshot | Exception) -> Picture:
    """What a snapshot shows."""
    assert isinstance(snapshot, Snapshot), snapshot
    image = Image.open(io.BytesIO(snapshot.png))
    assert image.format == "PNG" and image.size == (snapshot.width, snapshot.height)
    return np.asarray(image.convert("RGB"))


def reference(units: list[bytes]) -> Picture:
    """A key frame as another decoder run sees it."""
    context = av.CodecContext.create("h264", "r")
    data = b"".join(b"\x00\x00\x01" + unit for unit in units)
    (frame, *_) = [*context.decode(av.Packet(data)), *context.decode(None)]
    return frame.to_ndarray(format="rgb24")  # type: ignore[return-value]


class Recorded(Camera):
    """A camera that remembers its last key frame."""

    def picture(self) -> list[bytes]:
        units = super().picture()
        if any(unit[0] & 0x1F == h264.IDR for unit in units):
            self.last_key = units
        return units


class TestWhatIsSent:
    @pytest.mark.parametrize("mode", [0, 1])
    @pytest.mark.parametrize("slices", [0, 400])
    def test_is_what_the_still_shows(self, mode: int, slices: int) -> None:
        stage = Stage()
        camera = Recorded(150, slices=slices)
        caller = stage.join("caller", camera, packetization_mode=mode)
        caller.limit = 1200 if mode else 60_000
        caller.show(5)
        outcome = take(stage)
        asked_at = stage.loop.wall()
        caller.show(6)
        (snapshot,) = outcome
        assert isinstance(snapshot, Snapshot)
        assert (picture(snapshot) == reference(camera.last_key)).all()
        assert asked_at <= snapshot.taken_at < asked_at + 0.5

    def test_is_from_a_fresh_key_frame_not_from_an_old_one(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        caller.show(3)
        caller.camera.luma = 200
        outcome = take(stage)
        caller.show(6)
        assert about(int(np.median(picture(outcome[0]))), 200, 25)

    def test_parameter_sets_from_sdp_alone_suffice(self) -> None:
        stage = Stage()
        camera = Camera(150, in_band=False)
        caller = stage.join("caller", camera, parameter_sets=camera.parameter_sets)
        caller.show(2)
        outcome = take(stage)
        caller.show(6)
        assert picture(outcome[0]).shape == (240, 320, 3)

    def test_of_a_seat_while_the_caller_watches_it_without_a_fault(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(200))
        seat.show(4)
        outcome = take(stage, "seat-1")
        seat.show(8)
        picture(outcome[0])
        assert about(caller.pictures()[-1], 200)

    def test_the_key_frame_is_asked_for_by_info_where_there_is_no_feedback(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150), feedback=frozenset())
        caller.show(3)
        stage.events.clear()
        outcome = take(stage)
        stage.loop.advance(0.1)
        assert stage.of(KeyFrameWanted) == [KeyFrameWanted("c1", "caller")]
        assert not caller.told(Pli)
        caller.camera.key_frame()
        caller.show(4)
        picture(outcome[0])


class TestLoss:
    """A key frame with a hole in it is not shown: the next one is waited for."""

    @pytest.mark.parametrize("which", [0, 1, 3, -1], ids=["sets", "first", "middle", "last"])
    @pytest.mark.parametrize(
        "feedback", [frozenset({"nack pli"}), frozenset({"nack", "nack pli"})], ids=["pli", "nack"]
    )
    def test_of_any_part(self, which: int, feedback: frozenset[str]) -> None:
        stage = Stage()
        camera = Recorded(150, slices=200)
        caller = stage.join("caller", camera, feedback=feedback)
        caller.limit = 220
        caller.show(4)
        outcome = take(stage)
        stage.loop.advance(0.05)
        caller.heed()
        packets = caller.packets()
        assert len(packets) > 6 and not h264.starts_idr(packets[0][12:]) and h264.starts_idr(packets[1][12:])
        spoilt = camera.last_key
        del packets[which]
        for data in packets:
            caller.deliver(data)
        caller.show(30)
        if which:
            assert camera.last_key is not spoilt, "another key frame is asked for"
        shown = picture(outcome[0])
        assert any((shown == reference(key)).all() for key in (spoilt, camera.last_key)), (
            "whole, by sets that are known"
        )

    def test_packets_that_overtook_each_other_are_put_in_order(self) -> None:
        stage = Stage()
        camera = Recorded(150)
        caller = stage.join("caller", camera)
        caller.show(4)
        outcome = take(stage)
        stage.loop.advance(0.05)
        caller.heed()
        packets = caller.packets()
        packets[1], packets[2] = packets[2], packets[1]
        for data in packets:
            caller.deliver(data)
        first = camera.last_key
        caller.show(2)
        assert (picture(outcome[0]) == reference(first)).all()

    def test_a_stream_that_begins_anew(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        caller.show(4)
        outcome = take(stage)
        caller.ssrc, caller.sequence, caller.timestamp = 0xABCD, 60_000, 17
        caller.camera = Camera(200)
        caller.show(20)
        assert about(int(np.median(picture(outcome[0]))), 200, 25)


class TestOrientation:
    """3GPP TS 26.114 §7.4.5: bits C F R1 R0."""

    def _arrow(self) -> Picture:
        made = np.zeros((4, 6, 3), np.uint8)
        made[0, 0] = 255  # a corner that can be followed
        return made

    @pytest.mark.parametrize(
        ("orientation", "shape", "corner"),
        [
            (0b0000, (4, 6), (0, 0)),
            (0b1000, (4, 6), (0, 0)),
            (0b0001, (6, 4), (0, 3)),  # turned counter-clockwise on the link: turned back clockwise
            (0b0010, (4, 6), (3, 5)),
            (0b0011, (6, 4), (5, 0)),
            (0b0100, (4, 6), (0, 5)),
            (0b0101, (6, 4), (5, 3)),
        ],
    )
    def test_is_undone(self, orientation: int, shape: tuple[int, int], corner: tuple[int, int]) -> None:
        upright = turned(self._arrow(), orientation)
        assert upright.shape[:2] == shape
        assert upright[corner].all() and upright.sum() == 3 * 255

    @pytest.mark.parametrize(("turn", "size"), [(0, (320, 240)), (1, (240, 320)), (2, (320, 240)), (3, (240, 320))])
    def test_as_the_stream_says(self, turn: int, size: tuple[int, int]) -> None:
        stage = Stage()
        camera = Recorded(150)
        caller = stage.join("caller", camera, orientation_id=7)
        caller.extensions = ((7, bytes((turn,))),)
        caller.show(3)
        outcome = take(stage)
        caller.show(5)
        (snapshot,) = outcome
        assert isinstance(snapshot, Snapshot) and (snapshot.width, snapshot.height) == size
        assert (picture(snapshot) == np.rot90(reference(camera.last_key), -turn)).all()


class TestSeveralAtOnce:
    def test_share_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        decoded: list[int] = []
        real = decode._decode
        monkeypatch.setattr(decode, "_decode", lambda data: decoded.append(len(data)) or real(data))
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        outcomes = [take(stage) for _ in range(5)]
        caller.show(6)
        assert len(decoded) == 1
        assert len({id(outcome[0]) for outcome in outcomes}) == 1
        picture(outcomes[0][0])

    def test_the_next_one_is_another(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        first = take(stage)
        caller.show(6)
        second = take(stage)
        caller.show(6)
        assert first[0] != second[0]
        picture(second[0])


class TestWithoutAPicture:
    """Bounded: whoever asks is always told."""

    def test_nobody_of_that_name_or_nothing_is_sent(self) -> None:
        stage = Stage()
        stage.join("caller")
        for name in ("caller", "seat-9"):
            with pytest.raises(MediaUnavailable, match=f"{name} sends no picture"):
                stage.room.snapshot(name, lambda _: None)

    def test_no_key_frame_comes(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        outcome = take(stage)
        watchers = len(stage.room.participant("caller").stream.watchers)
        self._deaf(caller, 50)
        (fault,) = outcome
        assert isinstance(fault, MediaUnavailable)
        assert str(fault) == "no key frame from caller within 3 s"
        assert len(stage.room.participant("caller").stream.watchers) == watchers - 1

    def test_what_comes_cannot_be_decoded(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        outcome = take(stage)
        for _ in range(50):
            caller.heed()
            data = bytearray(caller.packets()[0])
            data[12:] = b"\x65\x88" + bytes(range(200, 250))  # an IDR slice in name only
            data[1] |= 0x80
            caller.sequence = int.from_bytes(data[2:4]) + 1
            caller.deliver(bytes(data))
            stage.loop.advance(1 / 15)
        assert "cannot be decoded" in str(outcome[0])

    @pytest.mark.parametrize("how", ["leaves", "pauses", "falls silent", "room closes"])
    def test_the_source_ends(self, how: str) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        stage.loop.advance(2.5)
        outcome = take(stage)
        ends: dict[str, Callable[[], object]] = {
            "leaves": lambda: stage.room.leave("caller"),
            "pauses": lambda: stage.room.set_participant("caller", None),
            "falls silent": lambda: stage.loop.advance(2.6),
            "room closes": stage.room.close,
        }
        ends[how]()
        assert len(outcome) == 1 and isinstance(outcome[0], MediaUnavailable), outcome
        if how != "room closes":
            stage.loop.advance(5.0)
        assert len(outcome) == 1

    def test_it_ends_while_it_is_decoded(self) -> None:
        stage = Stage()
        stage.loop.thread_s = 2.0
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        outcome = take(stage)
        caller.show(10)
        stage.room.leave("caller")
        stage.loop.advance(5.0)
        assert len(outcome) == 1 and isinstance(outcome[0], MediaUnavailable)

    def _deaf(self, caller: Peer, pictures: int) -> None:
        for _ in range(pictures):
            for data in caller.packets():
                caller.deliver(data)
            caller.stage.loop.advance(1 / 15)


class TestHostileKeyFrames:
    def test_too_large_to_be_decoded(self) -> None:
        units = Camera(150, (2048, 1536)).picture()
        with pytest.raises(Undecodable):
            upright_png(units, 0, 0.0)

    def test_any_bytes(self) -> None:
        rng = np.random.default_rng(5)
        whole = Camera(150).picture()
        for _ in range(60):
            units = [bytearray(unit) for unit in whole]
            for unit in units:
                for at in rng.integers(1, len(unit), 5):
                    unit[at] = int(rng.integers(256))
            try:
                upright_png([bytes(unit) for unit in units], 0, 0.0)
            except Undecodable:
                continue

    def test_a_picture_that_never_ends(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        outcome = take(stage)
        template = bytearray(caller.packets()[0][:12])
        template[1] &= 0x7F
        held = 0
        for number in range(5000):
            held = held_by(stage.room) if number == 1990 else held
            template[2:4] = ((caller.sequence + number) & 0xFFFF).to_bytes(2)
            caller.deliver(bytes(template) + b"\x65\x88" + bytes(20))
        assert held_by(stage.room) <= held
        stage.loop.advance(4.0)
        assert isinstance(outcome[0], MediaUnavailable)

    def test_a_renegotiation_under_way_is_no_fault(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        caller.show(3)
        outcome = take(stage)
        stage.room.set_participant("caller", replace(caller.media, sending=False))
        caller.show(6)
        picture(outcome[0])
