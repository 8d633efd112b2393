"""Key frames whose parameter sets are lost, overtaken, fragmented, old, or of other ids: shown whole, or asked for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from splitter.media.ports.events import SourceShown, SourceUnfit
from splitter.rtp import h264, packet
from splitter.rtp.feedback import Fir, Nack, Pli
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about
from tests.rtp.payloads import packetise

Arriving = Callable[[list[bytes]], list[bytes]]
AGGREGATED, SINGLE, FRAGMENTED = "STAP-A", "single NAL units", "FU-A"


def payloads(units: list[bytes], form: str) -> list[bytes]:
    """A picture in packets, its parameter sets in one of the three ways of RFC 6184."""
    sets = [unit for unit in units if unit[0] & 0x1F in (h264.SPS, h264.PPS)]
    made: list[bytes] = []
    if form == AGGREGATED and sets:
        made += packetise(sets, 1, 1000)
    elif form == SINGLE:
        made += sets
    else:
        made += [piece for one in sets for piece in h264.fragment(one, max(4, len(one) // 2 + 1))]
    return made + [one for unit in units if unit not in sets for one in packetise([unit], 1, 400)]


def numbered(peer: Peer, parts: list[bytes]) -> list[bytes]:
    made = []
    for index, payload in enumerate(parts):
        number = peer.media.receive_format.payload_type
        one = packet.Packet(index == len(parts) - 1, number, peer.sequence, peer.timestamp, peer.ssrc, payload)
        made.append(packet.build(one))
        peer.sequence = (peer.sequence + 1) & 0xFFFF
    peer.timestamp = (peer.timestamp + 6000) & 0xFFFF_FFFF
    return made


class Source:
    """A peer that sends pictures as `payloads` makes them, and repairs what it is asked for."""

    def __init__(self, stage: Stage, peer: Peer, form: str, repairs: bool = True) -> None:
        self.stage, self.peer, self.form, self.repairs = stage, peer, form, repairs
        self.sent: dict[int, bytes] = {}
        self.asked = 0
        self.key_frames = 0

    def show(self, pictures: int, arriving: Arriving = lambda packets: packets) -> None:
        """`arriving` says what comes of the first one, which is a key frame."""
        camera = self.peer.camera
        assert camera is not None
        for index in range(pictures):
            if index == 0 or self.wanted():
                camera.key_frame()
                self.key_frames += 1
            packets = numbered(self.peer, payloads(camera.picture(), self.form))
            self.sent.update((int.from_bytes(data[2:4]), data) for data in packets)
            for data in arriving(packets) if index == 0 else packets:
                self.peer.deliver(data)
            self.stage.loop.advance(0.03)
            self.repair()
            self.stage.loop.advance(0.037)

    def wanted(self) -> bool:
        count = len(self.peer.told(Pli)) + len(self.peer.told(Fir))
        asked, self.asked = self.asked, count
        return count > asked

    def repair(self) -> None:
        lost = {number for one in self.peer.told(Nack) for number in one.lost} if self.repairs else ()
        for number in sorted(lost):
            data = self.sent.pop(number, None)
            if data is not None:
                self.peer.deliver(data)


def scene(form: str, arriving: Arriving, *, resized: bool, repairs: bool = True) -> tuple[list[int], Source, Stage]:
    """The brightness of what a viewer sees of 20 pictures, of which the first one arrives in some way."""
    stage = Stage()
    feedback = frozenset(("nack", "nack pli") if repairs else ("nack pli",))
    caller, seat = stage.join("caller", Camera(90), feedback=feedback), stage.join("seat-1")
    source = Source(stage, caller, form, repairs)
    size = (320, 240)
    if resized:
        source.show(5)
        size = (480, 320)
    source.wanted()
    caller.camera = Camera(150, size)
    source.key_frames = 0
    source.show(20, arriving)
    got = dict(zip(seat.numbers(), seat.got(), strict=True))
    whole = all(number in got for number in range(min(got), max(got) + 1))
    seen = [luma for luma, what in seat.decoded() if what == size and about(luma, 150)] if whole else []
    return seen, source, stage


def sets_last(packets: list[bytes], count: int) -> list[bytes]:
    return [*packets[count : count + 1], *packets[:count], *packets[count + 1 :]]


class TestSetsBeforeAKeyFrame:
    """A key frame is not shown before its sets are there; they are asked for, or it is."""

    @pytest.mark.parametrize("resized", [False, True], ids=["first", "resized"])
    @pytest.mark.parametrize(("form", "count"), [(AGGREGATED, 1), (SINGLE, 2), (FRAGMENTED, 4)])
    def test_overtaken(self, form: str, count: int, resized: bool) -> None:
        seen, source, _ = scene(form, lambda packets: sets_last(packets, count), resized=resized)
        assert len(seen) == 20 and source.key_frames == 1

    @pytest.mark.parametrize("resized", [False, True], ids=["first", "resized"])
    @pytest.mark.parametrize(
        ("form", "lost"),
        [
            (AGGREGATED, [0]),
            *((SINGLE, lost) for lost in ([0], [1], [0, 1])),
            *((FRAGMENTED, lost) for lost in ([0], [1], [2], [3], [0, 1, 2, 3])),
        ],
    )
    def test_lost_and_repaired(self, form: str, lost: list[int], resized: bool) -> None:
        def arriving(packets: list[bytes]) -> list[bytes]:
            return [data for index, data in enumerate(packets) if index not in lost]

        seen, source, _ = scene(form, arriving, resized=resized)
        assert len(seen) >= 18 and source.key_frames <= 2

    @pytest.mark.parametrize("form", [AGGREGATED, SINGLE, FRAGMENTED])
    def test_lost_for_good_is_another_key_frame(self, form: str) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150), feedback=frozenset({"nack pli"})), stage.join("seat-1")
        source = Source(stage, caller, form, repairs=False)
        count = {AGGREGATED: 1, SINGLE: 2, FRAGMENTED: 4}[form]
        source.show(20, lambda packets: packets[count:])
        assert source.key_frames >= 2
        assert sum(about(luma, 150) for luma in seat.pictures()) >= 17
        assert all(about(luma, 150) or about(luma, SLATE_LUMA) for luma in seat.pictures())

    def test_the_begin_of_a_key_frame_is_overtaken(self) -> None:
        seen, source, _ = scene(
            AGGREGATED, lambda packets: [packets[2], packets[0], packets[1], *packets[3:]], resized=False
        )
        assert len(seen) == 20 and source.key_frames == 1

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("form", [AGGREGATED, SINGLE, FRAGMENTED])
    def test_in_any_order_and_twice(self, form: str, seed: int) -> None:
        random = Random(seed)

        def arriving(packets: list[bytes]) -> list[bytes]:
            return random.sample([*packets, *packets[:5]], len(packets) + 5)

        seen, source, _ = scene(form, arriving, resized=True)
        assert len(seen) == 20 and source.key_frames == 1

    def test_a_viewer_sees_what_was_before_meanwhile(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        old, new = stage.join("seat-1", Camera(90)), stage.join("seat-2", Camera(150))
        Source(stage, old, SINGLE).show(5)
        late = numbered(new, payloads(new.camera.picture(), SINGLE))
        for data in late[2:]:
            new.deliver(data)
        old.show(3)
        assert [event.source for event in stage.of(SourceShown) if event.viewer == "caller"][-1] == "seat-1"
        for data in late[:2]:
            new.deliver(data)
        new.show(3)
        assert [event.source for event in stage.of(SourceShown) if event.viewer == "caller"][-1] == "seat-2"
        assert about(caller.pictures()[-1], 150)


class TestSeveralSets:
    def test_a_key_frame_names_the_sets_that_it_needs(self) -> None:
        """H.264 §7.4.1.2.1: by its PPS, which names an SPS. The picture is as large as that one says."""
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1")
        large = Camera(90, (1920, 1088))
        other = [_renumbered(unit) for unit in large.parameter_sets]
        stage_packets = numbered(caller, other)
        for data in stage_packets:
            caller.deliver(data)
        caller.show(5)
        assert sum(about(luma, 150) for luma in seat.pictures()) == 5
        report = stage.room.report().participants[0]
        assert (report.width, report.height) == (320, 240)
        assert not stage.of(SourceUnfit)


def _renumbered(unit: bytes) -> bytes:
    """A set with id 1 in place of 0: '1' becomes '010' in front of the rest."""
    head, body = (4, unit[4:]) if unit[0] & 0x1F == h264.SPS else (1, unit[1:])
    bits = "".join(f"{byte:08b}" for byte in body.replace(b"\0\0\3", b"\0\0")).rstrip("0")
    assert bits[0] == "1"
    rest = bits[1:] if head == 4 else bits[1:].replace("1", "010", 1)  # a PPS names SPS 1 as well
    bits = "010" + rest
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return unit[:head] + data.replace(b"\0\0\1", b"\0\0\3\1").replace(b"\0\0\0", b"\0\0\3\0")


class TestOldSets:
    """The set that was sent last counts, not the one that came last."""

    def test_a_late_duplicate_says_nothing(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(3)
        caller.camera.key_frame()
        old = caller.packets()
        for data in old:
            caller.deliver(data)
        caller.camera = Camera(150, (480, 320))
        caller.show(2)
        caller.deliver(old[0])
        caller.camera.in_band = False
        caller.camera.key_frame()
        caller.show(3)
        report = stage.room.report().participants[0]
        assert (report.width, report.height) == (480, 320)
        assert [size for luma, size in seat.decoded() if about(luma, 150)] == [(480, 320)] * 5

    def test_after_a_restart_lower_numbers_are_newer(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.sequence = 60_000
        caller.show(3)
        caller.ssrc, caller.sequence = 0xABC, 7
        caller.camera = Camera(150, (480, 320))
        caller.show(5)
        assert [size for luma, size in seat.decoded() if about(luma, 150)] == [(480, 320)] * 5


class TestLateRepairs:
    """What was asked for is no restart, however late it comes."""

    @pytest.mark.parametrize("behind", [20, 101, 150, 400])
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_neighbours_that_come_late_are_passed_on(self, behind: int, count: int) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, (640, 480))), stage.join("seat-1")
        caller.limit = 300
        caller.show(3)
        stream = stage.room.participant("caller").stream
        generation = stream.generation
        ahead: list[bytes] = []
        while len(ahead) < behind + count + 1:
            ahead += caller.packets()
        late, rest = ahead[1 : 1 + count], [ahead[0], *ahead[1 + count :]]
        for data in rest[: behind + 1]:
            caller.deliver(data)
        for data in late * 2:  # asked for twice, sent twice
            caller.deliver(data)
        for data in rest[behind + 1 :]:
            caller.deliver(data)
        stage.loop.advance(0.01)
        assert stream.generation == generation
        numbers = seat.numbers()
        assert sorted(numbers) == list(range(min(numbers), max(numbers) + 1))
        assert stream.lost == 0

    def test_a_source_that_restarts_behind_is_a_restart(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1")
        caller.show(10)
        caller.sequence -= 500
        caller.show(10)
        assert sum(about(luma, 150) for luma in seat.pictures()) >= 18


class TestProfiles:
    """Pictures of another profile than was agreed are not shown, and the reason is told."""

    def test_a_seat_that_sends_high_is_the_slate(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(150, profile="high"))
        seat.show(10)
        assert all(about(luma, SLATE_LUMA) for luma in caller.pictures())
        (told,) = stage.of(SourceUnfit)
        assert (
            told.reason == "its picture is of H.264 profile 'high', 'constrained baseline' was agreed with the viewer"
        )
        assert stage.room.report().participants[0].unfit == told.reason
        seat.camera = Camera(200)
        seat.show(10)
        assert about(caller.pictures()[-1], 200), "it fits now"
        assert not stage.room.report().participants[0].unfit

    def test_in_mid_stream(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(150))
        seat.show(5)
        seat.camera = Camera(150, profile="main")
        seat.show(20)
        assert about(caller.pictures()[-1], SLATE_LUMA)
        shown = [event for event in stage.of(SourceShown) if event.viewer == "caller"]
        assert shown[-1].reason == "the picture of seat-1 became one of another profile"

    def test_a_browser_decodes_it_all_the_same(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150, profile="high")), stage.join("seat-1")
        view = stage.room.participant("seat-1").view
        view.configure(seat.media.send_format, stage.loop.time, any_profile=True)
        caller.show(10)
        assert sum(about(luma, 150) for luma in seat.pictures()) == 10
