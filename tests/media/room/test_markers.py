"""Sources that never say where a picture ends, or say it with each slice: viewers are told all the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import pytest

from splitter.rtp import h264, packet
from tests.media.room.kit import Camera, Peer, Stage, about
from tests.media.room.test_sets import numbered
from tests.rtp.payloads import packetise

Marking = Callable[[list[bytes]], list[bytes]]


def marked(data: bytes, marker: bool) -> bytes:
    return data[:1] + bytes((data[1] & 0x7F | marker << 7,)) + data[2:]


def kind_of(data: bytes) -> int:
    return data[12] & 0x1F


def never(packets: list[bytes]) -> list[bytes]:
    return [marked(data, False) for data in packets]


def on_each_slice(packets: list[bytes]) -> list[bytes]:
    return [marked(data, kind_of(data) < 24 or bool(data[13] & 0x40)) for data in packets]


def on_the_first(packets: list[bytes]) -> list[bytes]:
    return [marked(data, index == 0) for index, data in enumerate(packets)]


def right(packets: list[bytes]) -> list[bytes]:
    return packets


BEHIND = {
    "filler data": b"\x0c\xff\xff\x80",
    "filler data in an aggregate": b"\x18\0\3\x0c\xff\x80\0\3\x0c\xff\x80",
    "the end of the sequence": b"\x0a",
    "the end of the stream": b"\x0b",
    "an SEI": b"\x06\x05\x01\xff\x80",
    "a type that is to be ignored": b"\x1e\xff",
}
"""What encoders send behind the slices of a picture: those of a constant bit rate fill each one up."""

WRONG = {"never": never, "on each slice": on_each_slice, "on the first": on_the_first}


def play(peer: Peer, marking: Marking, pictures: int, lose: int | None = None) -> None:
    for number in range(pictures):
        peer.heed()
        packets = marking(peer.packets())
        for index, data in enumerate(packets):
            if number != lose or index != len(packets) - 1:
                peer.deliver(data)
        peer.stage.loop.advance(1 / 15)


def by_picture(viewer: Peer, source: Peer | None = None) -> list[list[packet.Packet]]:
    """What a viewer got, in the order of numbers, by timestamps."""
    ordered = [one for _, one in sorted(zip(viewer.numbers(), viewer.got(), strict=True), key=lambda one: one[0])]
    return [list(group) for _, group in groupby(ordered, key=lambda one: one.timestamp)]


def ended_once(picture: list[packet.Packet]) -> bool:
    return [one.marker for one in picture] == [False] * (len(picture) - 1) + [True]


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("slices", [0, 400], ids=["one slice", "many slices"])
@pytest.mark.parametrize("wrong", WRONG)
class TestWrongMarkers:
    def test_are_mended(self, wrong: str, slices: int, mode: int) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150, slices=slices))
        caller.limit = 1200 if slices else 300
        seat = stage.join("seat-1", packetization_mode=mode)
        play(caller, WRONG[wrong], 40)
        pictures = by_picture(seat)
        good = [ended_once(one) for one in pictures]
        # The last one is not over, and one may have been sent before it was known that markers mean nothing.
        assert good[:-1].count(False) <= (0 if wrong == "never" else 1), good
        assert sum(about(luma, 150) for luma in seat.pictures()) == 40
        numbers = seat.numbers()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


class TestNothingIsDelayed:
    @pytest.mark.parametrize("wrong", WRONG)
    def test_once_the_number_of_slices_is_known(self, wrong: str) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1")
        caller.limit = 300
        play(caller, WRONG[wrong], 10)
        since = stage.loop.time
        for _ in range(10):
            for data in WRONG[wrong](caller.packets()):
                caller.deliver(data)
            assert seat.got()[-1].marker, "with the picture's own last packet"
            stage.loop.advance(1 / 15)
        own = sum(len(one) for one in by_picture(seat)[-10:])
        assert own == len(seat.got(since))
        assert not any(one.payload == b"\x0c\x80" for one in seat.got(since))

    def test_a_lost_last_packet_is_no_end_for_the_picture(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1")
        caller.limit = 300
        play(caller, never, 20, lose=12)
        assert sum(ended_once(one) for one in by_picture(seat)) >= 18


class TestRightMarkers:
    @pytest.mark.parametrize("slices", [0, 400])
    def test_are_left_alone(self, slices: int) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, slices=slices)), stage.join("seat-1")
        padding = packet.Packet(False, caller.media.receive_format.payload_type, 0, 0, caller.ssrc, b"")
        for index in range(30):
            play(caller, right, 1)
            if index % 3 == 0:  # as browsers do to probe the path
                one = padding._replace(sequence=caller.sequence, timestamp=caller.timestamp - 6000)
                data = packet.build(one)
                caller.sequence += 1
                caller.deliver(bytes((data[0] | 0x20,)) + data[1:] + b"\0\0\0\4")
        stream = stage.room.participant("caller").stream
        assert not stream.mending
        assert stream.coming.pictures == 30
        assert all(ended_once(one) for one in by_picture(seat))
        assert not any(one.payload == b"\x0c\x80" for one in seat.got())

    def test_are_believed_again(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1")
        play(caller, never, 10)
        stream = stage.room.participant("caller").stream
        assert stream.mending
        play(caller, right, 60)
        assert not stream.mending
        assert sum(ended_once(one) for one in by_picture(seat)) >= 69


class TestMarkersBehindTheSlices:
    @pytest.mark.parametrize("mode", [0, 1])
    @pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
    def test_end_their_pictures(self, behind: bytes, mode: int) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        seat = stage.join("seat-1", packetization_mode=mode)
        for _ in range(12):
            caller.heed()
            assert caller.camera is not None
            for data in numbered(caller, [*packetise(caller.camera.picture(), 1, 400), behind]):
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        shown = by_picture(seat)[-10:]
        assert all(map(ended_once, shown))
        assert stage.room.participant("caller").stream.coming.pictures == 12

    def test_are_those_of_the_slices_where_sets_of_the_next_follow(self) -> None:
        """Cameras give the sets of a key frame the timestamp of the picture before it, and a marker of their own."""
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1")
        for _ in range(6):
            assert caller.camera is not None
            caller.camera.key_frame()
            first, second, *slices = caller.camera.picture()
            caller.timestamp -= 6000
            for data in numbered(caller, [first, second]):
                caller.deliver(marked(data, True))
            for data in numbered(caller, packetise(slices, 1, 400)):
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        ends = [[one.payload[0] & 0x1F for one in picture if one.marker] for picture in by_picture(seat)[-5:]]
        assert all(len(kinds) == 1 and kinds[0] not in (h264.SPS, h264.PPS) for kinds in ends)
