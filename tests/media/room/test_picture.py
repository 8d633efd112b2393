"""The picture survives what networks and handsets do to it: everything here is decoded."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from splitter.media.ports.events import SourceShown
from splitter.rtp import h264
from splitter.rtp.feedback import Nack, Pli
from splitter.rtp.packet import Packet
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about


def watch(stage: Stage, camera: Camera, seat: dict[str, Any] | None = None, **caller: Any) -> tuple[Peer, Peer]:
    """A caller with a camera, and a seat that watches."""
    return stage.join("caller", camera, **caller), stage.join("seat-1", **(seat or {}))


def tail(peer: Peer, luma: int) -> list[int]:
    """The pictures behind the slate; all must be of the camera."""
    pictures = peer.pictures()
    first = next(index for index, one in enumerate(pictures) if not about(one, SLATE_LUMA))
    assert all(about(one, luma) for one in pictures[first:]), pictures
    return pictures[first:]


class TestParameterSets:
    """RFC 6184 §8.4: they may come in SDP alone, once, or with every key frame."""

    def test_from_sdp_only(self) -> None:
        camera = Camera(150, in_band=False)
        stage = Stage()
        caller, seat = watch(stage, camera, parameter_sets=camera.parameter_sets)
        caller.show(10)
        assert len(tail(seat, 150)) == 10

    def test_once_in_band_serves_viewers_who_come_later(self) -> None:
        camera = Camera(150)
        stage = Stage()
        caller = stage.join("caller", camera)
        caller.show(3)
        camera.in_band = False
        seat = stage.join("seat-1")
        caller.show(10)
        assert len(tail(seat, 150)) >= 9

    def test_not_doubled_where_the_access_unit_has_them(self) -> None:
        camera = Camera(150)
        stage = Stage()
        caller, seat = watch(stage, camera)
        caller.show(2)
        camera.key_frame()
        caller.show(2)
        behind = next(index for index, one in enumerate(seat.got()) if one.payload[0] & 0x1F == h264.FU_A)
        kinds = [nal[0] & 0x1F for one in seat.got()[behind:] for nal in _units(one)]
        assert kinds.count(h264.SPS) == kinds.count(h264.PPS) == 1

    def test_new_ones_in_mid_stream_win(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(90, (320, 240)))
        caller.show(5)
        caller.camera = Camera(90, (240, 320))
        caller.show(5)
        caller.camera.in_band = False
        caller.camera.key_frame()
        caller.show(5)
        sizes = [size for luma, size in seat.decoded() if about(luma, 90)]
        assert sizes == [(320, 240)] * 5 + [(240, 320)] * 10

    def test_inserted_with_the_timestamp_of_their_picture(self) -> None:
        camera = Camera(150, in_band=False)
        stage = Stage()
        caller, seat = watch(stage, camera, parameter_sets=camera.parameter_sets)
        caller.show(3)
        got = seat.got()
        at = next(i for i, one in enumerate(got) if one.payload in camera.parameter_sets)
        assert got[at].timestamp == got[at + 1].timestamp == got[at + 2].timestamp
        assert [nal[0] & 0x1F for nal in (got[at].payload, got[at + 1].payload)] == [h264.SPS, h264.PPS]
        assert [one.sequence - got[at].sequence for one in got[at : at + 3]] == [0, 1, 2]


def _units(one: Packet) -> list[bytes]:
    if one.payload[0] & 0x1F == h264.STAP_A:
        return [bytes(nal) for nal in h264.split_stap_a(one.payload)]
    return [one.payload]


class TestPacketizationModes:
    """RFC 6184 §6.2, §6.3."""

    def test_mode_1_to_mode_0_sends_single_units_only(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150), {"packetization_mode": 0})
        caller.show(10)
        assert len(tail(seat, 150)) == 10
        assert all(0 < one.payload[0] & 0x1F < h264.STAP_A for one in seat.got())
        assert any(len(one.payload) > 1350 for one in seat.got()), "a large slice is joined from its fragments"
        numbers = seat.numbers()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def test_mode_0_to_mode_1_keeps_packets_small(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150), packetization_mode=0)
        caller.show(10)
        assert len(tail(seat, 150)) == 10
        assert max(len(data) for data, _, _ in seat.pair.rtp) <= 1350
        numbers = seat.numbers()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def test_one_marker_per_picture(self) -> None:
        for mode in (0, 1):
            stage = Stage()
            caller, seat = watch(stage, Camera(150, slices=1000), {"packetization_mode": mode})
            caller.show(10)
            got = seat.got()
            for earlier, later in pairwise(got):
                assert earlier.marker == (earlier.timestamp != later.timestamp)

    def test_reordered_packets_reach_a_mode_0_peer_in_order(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150), {"packetization_mode": 0})
        caller.show(1)
        for _ in range(9):
            packets = caller.packets()
            assert len(packets) > 2
            for index in range(1, len(packets) - 1, 2):
                packets[index], packets[index + 1] = packets[index + 1], packets[index]
            for data in packets:
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        assert len(tail(seat, 150)) == 10

    def test_a_lost_fragment_is_seen_as_a_gap_by_a_mode_0_peer(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150), {"packetization_mode": 0})
        caller.show(2)
        packets = caller.packets()
        for index, data in enumerate(packets):
            if index != len(packets) // 2:
                caller.deliver(data)
        stage.loop.advance(0.3)
        for _ in range(3):
            for data in caller.packets():
                caller.deliver(data)
            stage.loop.advance(0.1)
        numbers = seat.numbers()
        assert any(later - earlier > 1 for earlier, later in pairwise(numbers))
        assert all(later > earlier for earlier, later in pairwise(numbers))


class TestLoss:
    def test_nack_of_a_viewer_is_answered_from_the_copies(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.show(10)
        sent = len(seat.pair.rtp)
        got = seat.got()
        lost = got[-5:-2]
        ours = got[0].ssrc
        seat.feed(Nack(seat.ssrc, ours, tuple(one.sequence for one in lost)))
        assert seat.got()[sent:] == lost
        seat.feed(Nack(seat.ssrc, ours + 1, (lost[0].sequence,)))
        assert len(seat.pair.rtp) == sent + 3, "a NACK about another source is none of ours"

    def test_what_is_too_old_is_not_sent_again(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.show(3)
        old = seat.got()[0]
        stage.loop.advance(4.5)
        sent = len(seat.pair.rtp)
        seat.feed(Nack(seat.ssrc, old.ssrc, (old.sequence,)))
        assert len(seat.pair.rtp) == sent

    def test_a_packet_lost_before_us_is_asked_for_and_passed_on_late(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        held: list[bytes] = []
        for picture in range(20):
            for index, data in enumerate(caller.packets()):
                if picture % 5 == 2 and index == 1:
                    held.append(data)
                else:
                    caller.deliver(data)
            stage.loop.advance(1 / 15)
            wanted = {sequence for one in caller.told(Nack) for sequence in one.lost}
            for data in held:
                assert int.from_bytes(data[2:4]) in wanted
                caller.deliver(data)
            held.clear()
        assert len(tail(seat, 150)) == 20
        assert len(caller.told(Nack)) == 4
        assert stage.room.report().participants[0].stream.lost == 0

    def test_loss_that_is_not_repaired_ends_in_a_key_frame(self) -> None:
        stage = Stage()
        caller, _ = watch(stage, Camera(150), feedback=frozenset({"nack pli"}))
        caller.show(20)
        asked = len(caller.told(Pli))
        caller.show(1, drop=lambda index: index == 1)
        stage.loop.advance(0.5)
        assert len(caller.told(Pli)) == asked + 1
        assert not caller.told(Nack), "it was not negotiated"
        caller.heed()
        caller.show(3)
        assert stage.room.report().participants[0].key_frames_in == 2


class TestBeginsAnew:
    """The source restarts in the middle: one picture stands until the key frame, no rubbish is shown."""

    @pytest.mark.parametrize("mode", [0, 1])
    def test_another_ssrc(self, mode: int) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150), {"packetization_mode": mode})
        caller.show(10)
        caller.ssrc, caller.sequence, caller.timestamp = 0xABCD, 60_000, 17
        caller.camera = Camera(150)
        caller.camera.picture()  # its key frame is lost on the way
        caller.show(20)
        pictures = tail(seat, 150)
        assert 25 <= len(pictures) <= 30
        self._continuous(seat)
        assert [event.source for event in stage.of(SourceShown) if event.viewer == "seat-1"] == ["slate", "caller"]

    def test_a_jump_of_the_sequence_numbers(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.show(10)
        caller.sequence = (caller.sequence + 20_000) & 0xFFFF
        caller.camera.key_frame()
        caller.show(20)
        assert len(tail(seat, 150)) == 30
        self._continuous(seat)

    def test_a_jump_of_the_timestamps_alone(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.show(10)
        caller.timestamp = (caller.timestamp - 500_000_000) & 0xFFFF_FFFF
        caller.show(10)
        assert len(tail(seat, 150)) == 20
        self._continuous(seat)

    def test_one_stray_packet_changes_nothing(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.show(5)
        stray = caller.ssrc, caller.sequence
        caller.ssrc = 0x9999
        caller.deliver(caller.packets()[0])
        caller.ssrc, caller.sequence = stray[0], (stray[1] + 30_000) & 0xFFFF
        caller.deliver(caller.packets()[0])
        caller.ssrc, caller.sequence = stray
        sent = len(seat.pair.rtp)
        caller.camera.key_frame()
        caller.show(5)
        assert len(seat.pair.rtp) > sent + 5
        assert stage.room.report().participants[0].stream.lost == 0

    def _continuous(self, peer: Peer) -> None:
        got, numbers = peer.got(), peer.numbers()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        for (_, _, before), (_, _, at), earlier, later in zip(
            peer.pair.rtp, peer.pair.rtp[1:], got, got[1:], strict=False
        ):
            step = (later.timestamp - earlier.timestamp) & 0xFFFF_FFFF
            assert step <= max(6000, (at - before) * 90_000) + 9000, (step, at - before)


class TestWrap:
    def test_sequence_numbers_wrap_at_65536_in_and_out(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150)), stage.join("seat-1", answered=False)
        caller.sequence = 65_500
        stage.room.participant("seat-1").view.out.going.sequence = 0x1_FFA0
        stage.room.set_participant("seat-1", seat.media)
        caller.show(40)
        assert len(tail(seat, 150)) == 40
        numbers = seat.numbers()
        assert numbers[-1] > 65_536 and max(one.sequence for one in seat.got()) > 65_500

    def test_timestamps_wrap(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.timestamp = 0xFFFF_FFFF - 20_000
        caller.show(10)
        assert len(tail(seat, 150)) == 10
        got = [one.timestamp for one in seat.got() if one.marker][-9:]
        assert {(later - earlier) & 0xFFFF_FFFF for earlier, later in pairwise(got)} == {6000}

    def test_many_packets(self) -> None:
        """More than 65,536 packets through one view: nothing depends on how long a call lasts."""
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        caller.show(2)
        pair = seat.pair
        template = caller.packets()[-1]
        before = 0
        for _ in range(70_000):
            data = bytearray(template)
            data[2:4] = caller.sequence.to_bytes(2)
            data[4:8] = caller.timestamp.to_bytes(4)
            caller.sequence = (caller.sequence + 1) & 0xFFFF
            caller.timestamp = (caller.timestamp + 900) & 0xFFFF_FFFF
            stage.loop.time += 0.01
            caller.deliver(bytes(data))
            sequence = int.from_bytes(pair.rtp[-1][0][2:4])
            assert before == 0 or sequence == (before + 1) & 0xFFFF
            before = sequence
            pair.rtp.clear() if len(pair.rtp) > 1000 else None


class TestEmptyPackets:
    def test_packets_without_payload_leave_no_gap(self) -> None:
        stage = Stage()
        caller, seat = watch(stage, Camera(150))
        for _ in range(5):
            caller.show(1)
            probe = bytearray(caller.packets()[0][:12]) + bytes(3) + b"\x04"
            probe[0] |= 0x20
            caller.deliver(bytes(probe))
            other = bytearray(probe)
            other[1] = 127
            caller.sequence = int.from_bytes(probe[2:4]) + 1
            other[2:4] = caller.sequence.to_bytes(2)
            caller.sequence += 1
            caller.deliver(bytes(other))
            caller.camera.key_frame()
        numbers = seat.numbers()
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert {one.payload_type for one in seat.got()} == {seat.media.send_format.payload_type}
