"""Streams that change under way, as handsets and networks make them: real H.264 goes in, what comes out is decoded."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from splitter.media.ports.events import SourceShown
from splitter.rtp import h264
from splitter.rtp.packet import timestamp_delta
from splitter.rtp.rtcp import SenderReport, ntp_time
from tests.media.room.kit import Camera, Peer, Stage, about


def joined(stage: Stage, camera: Camera, **of_seat: Any) -> tuple[Peer, Peer]:
    caller = stage.join("caller", camera, orientation_id=7)
    return caller, stage.join("seat-1", **{"orientation_id": 2, **of_seat})


def continuous(peer: Peer) -> bool:
    """One source, and every number follows the one before it."""
    assert len({one.ssrc for one in peer.got()}) == 1
    return all(later - earlier == 1 for earlier, later in pairwise(peer.numbers()))


def steps(peer: Peer) -> list[int]:
    got = peer.got()
    return [timestamp_delta(later.timestamp, earlier.timestamp) for earlier, later in pairwise(got)]


class TestParameterSetsOnlyInTheFirstPacket:
    def test_a_seat_that_comes_later_sees_the_picture(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(120))
        caller.show(2)
        assert caller.camera is not None
        caller.camera.in_band = False
        caller.show(30)
        for number in (1, 2):
            seat = stage.join(f"seat-{number}", Camera(200))
            caller.show(15)
            assert about(seat.pictures()[-1], 120)
            assert continuous(seat)

    def test_after_the_first_packet_was_lost_sdp_has_them(self) -> None:
        stage = Stage()
        camera = Camera(120, in_band=False)
        caller = stage.join("caller", camera, parameter_sets=camera.parameter_sets)
        caller.show(20, drop=lambda index: index == 0)
        seat = stage.join("seat-1")
        caller.show(15)
        assert about(seat.pictures()[-1], 120)


class TestEverythingChangesAtOnce:
    """A handover: another SSRC, other numbers, another camera size and another orientation in the same moment."""

    @pytest.mark.parametrize("mode", [0, 1])
    def test_the_seat_sees_one_stream(self, mode: int) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(90, (320, 240)), packetization_mode=mode)
        caller.extensions = ((7, b"\x00"),)
        caller.show(15)
        caller.ssrc, caller.sequence, caller.timestamp = 0xBEEF, 3, 4_000_000_000
        caller.camera = Camera(150, (240, 320))
        caller.extensions = ((7, b"\x03"),)
        caller.show(30)
        assert continuous(seat)
        assert all(0 <= step < 2 * 90_000 for step in steps(seat))
        sizes = [size for luma, size in seat.decoded() if about(luma, 90) or about(luma, 150)]
        assert sizes[0] == (320, 240)
        assert sizes[-1] == (240, 320)
        assert sizes == sorted(sizes, reverse=True), "the sizes change once"
        turns = [one.extensions[0] for one in seat.got() if one.extensions]
        assert turns[-1] == (2, b"\x03")
        assert [event.source for event in stage.of(SourceShown) if event.viewer == "seat-1"] == ["slate", "caller"]

    def test_five_handovers(self) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(90))
        for cycle in range(5):
            caller.show(10)
            caller.ssrc, caller.sequence = 0x2000 + cycle, 65_530
            caller.timestamp = (caller.timestamp - 123_456_789 * cycle) & 0xFFFF_FFFF
            caller.camera = Camera(90 + 20 * cycle)
        caller.show(15)
        assert continuous(seat)
        assert all(0 <= step < 2 * 90_000 for step in steps(seat))
        assert about(seat.pictures()[-1], 170)


class TestOrientationFlipsInMidStream:
    def test_every_flip_reaches_the_seat_in_order(self) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(120))
        for turn in (b"\x00", b"\x01", b"\x08", b"\x03", b"\x00"):
            caller.extensions = ((7, turn),)
            caller.show(5)
        turns = [one.extensions[0] for one in seat.got() if one.extensions]
        assert {element for element, _ in turns} == {2}
        changes = [value for at, (_, value) in enumerate(turns) if at == 0 or value != turns[at - 1][1]]
        assert changes == [b"\x00", b"\x01", b"\x08", b"\x03", b"\x00"]

    def test_it_costs_no_key_frame(self) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(120))
        caller.extensions = ((7, b"\x00"),)
        caller.show(20)
        start = len(seat.got())
        caller.extensions = ((7, b"\x01"),)
        caller.show(10)
        assert not any(h264.starts_idr(one.payload) for one in seat.got()[start:])


class TestSenderReportsWithANonsenseClock:
    @pytest.mark.parametrize(
        ("ntp", "rtp"),
        [
            (0, 0),
            (ntp_time(1.0), 2**30),
            (2**64 - 1, 2**32 - 1),
            (ntp_time(4_000_000_000.0), 5),
            (1, 2**31),
        ],
    )
    def test_voice_and_pictures_do_not_hear_of_it(self, ntp: int, rtp: int) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(120))
        caller.show(10)
        start = len(seat.told(SenderReport))
        for shift in (0, 7, 2**20):
            caller.feed(SenderReport(caller.ssrc, ntp, (caller.timestamp + rtp + shift) & 0xFFFF_FFFF, 1, 1))
            caller.show(10)
        for one in seat.told(SenderReport)[start:]:
            assert abs(timestamp_delta(one.rtp, seat.got()[-1].timestamp)) < 30 * 90_000
        assert continuous(seat)
        assert all(0 <= step < 90_000 for step in steps(seat))
        assert about(seat.pictures()[-1], 120)

    def test_a_clock_that_jumps_back_between_reports(self) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(120))
        for at in (5000.0, 5002.0, 100.0, 102.0, 9e8):
            caller.show(15)
            caller.feed(SenderReport(caller.ssrc, ntp_time(at), caller.timestamp, 1, 1))
        caller.show(15)
        assert continuous(seat)
        assert all(0 <= step < 90_000 for step in steps(seat))


class TestFiveOnOffCycles:
    def test_leak_no_port_no_timer_and_no_source(self) -> None:
        stage = Stage()
        caller, seat = joined(stage, Camera(90))
        seat.camera = Camera(200)
        caller.show(5)
        seat.show(5)
        ports = [(pair.rtp_port, pair.closed) for pair in stage.loop.pairs]
        armed = []
        for _ in range(5):
            stage.room.set_participant("caller", None)
            stage.loop.advance(3.0)
            stage.room.set_participant("caller", caller.media)
            assert caller.camera is not None
            caller.camera.key_frame()
            for _ in range(20):
                caller.show(1)
                seat.show(1)
            armed.append(stage.loop.armed)
        assert [(pair.rtp_port, pair.closed) for pair in stage.loop.pairs] == ports
        assert max(armed) == min(armed)
        assert continuous(caller) and continuous(seat)
        assert about(caller.pictures()[-1], 200)
        assert about(seat.pictures()[-1], 90)
        assert all(0 <= step < 5 * 90_000 for step in steps(seat))
        stage.room.close()
        assert stage.loop.armed == 0
