"""Streams as the field sends them: filled-up aggregates, empty fragments, restarts, two sources, slow repairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from splitter.media.ports.events import PictureStopped
from splitter.rtp import h264
from splitter.rtp.feedback import Nack
from splitter.rtp.rtcp import Bye
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about
from tests.media.room.test_sets import numbered
from tests.rtp.payloads import packetise

Reshape = Callable[[list[bytes]], list[bytes]]
SETS = (h264.SPS, h264.PPS)


def filled_up(units: list[bytes]) -> list[bytes]:
    """All in one STAP-A, zeros between the units and behind them."""
    body = b"".join(len(unit).to_bytes(2) + unit + b"\0\0" for unit in units)
    return [b"\x78" + body + b"\0"]


def lone_fragments(units: list[bytes]) -> list[bytes]:
    """Parameter sets in one FU-A each, which begins and ends them."""
    return [
        bytes((unit[0] & 0x60 | h264.FU_A, 0xC0 | unit[0] & 0x1F)) + unit[1:] if unit[0] & 0x1F in SETS else unit
        for unit in units
    ]


def empty_ends(units: list[bytes]) -> list[bytes]:
    """The last fragment of each unit carries nothing (RFC 6184 §5.8)."""
    made = []
    for payload in packetise(units, 1, 400):
        if payload[0] & 0x1F == h264.FU_A and payload[1] & 0x40:
            made += [payload[:1] + bytes((payload[1] & ~0x40,)) + payload[2:], payload[:1] + bytes((payload[1],))]
        else:
            made.append(payload)
    return made


def meaningless(units: list[bytes]) -> list[bytes]:
    """NAL unit types 0, 30 and 31 between the others (RFC 6184 §5.2)."""
    return [*packetise(units[:-1], 1, 400), b"\x1e\x01", b"\x1f\x01", b"\x00\x01", *packetise(units[-1:], 1, 400)]


def with_start_codes(units: list[bytes]) -> list[bytes]:
    """A byte stream in RTP: start codes before the units, the parameter sets in one packet."""
    sets = b"".join(b"\0\0\0\1" + unit for unit in units if unit[0] & 0x1F in SETS)
    return [*([sets] if sets else []), *(b"\0\0\1" + unit for unit in units if unit[0] & 0x1F not in SETS)]


def large_sets(units: list[bytes]) -> list[bytes]:
    """An SPS of 2,000 bytes; cabac_zero_words stand for what makes it long."""
    return packetise([unit + b"\0\0\3" * 650 if unit[0] & 0x1F == h264.SPS else unit for unit in units], 1, 3000)


def send(source: Peer, pictures: int, reshape: Reshape) -> None:
    assert source.camera is not None
    for _ in range(pictures):
        source.heed()
        for data in numbered(source, reshape(source.camera.picture())):
            source.deliver(data)
        source.stage.loop.advance(1 / 15)


class TestPayloads:
    @pytest.mark.parametrize("mode", [0, 1])
    @pytest.mark.parametrize(
        "reshape", [filled_up, lone_fragments, empty_ends, meaningless, large_sets, with_start_codes]
    )
    def test_of_odd_forms_are_shown(self, reshape: Reshape, mode: int) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        seat = stage.join("seat-1", packetization_mode=mode)
        send(caller, 12, reshape)
        shown = [luma for luma in seat.pictures() if not about(luma, SLATE_LUMA)]
        assert len(shown) == 12 and all(about(luma, 150) for luma in shown)

    def test_of_a_number_that_looks_like_rtcp_are_shown(self) -> None:
        """RFC 5761 §4 forbids 64 to 95 where RTCP has the same port; there are phones that use them on two."""
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150), answered=False), stage.join("seat-1")
        unusual = replace(caller.media.receive_format, payload_type=85)
        caller.media = replace(caller.media, receive_format=unusual, send_format=unusual)
        stage.room.set_participant("caller", caller.media)
        caller.show(12)
        assert sum(about(luma, 150) for luma in seat.pictures()) == 12

    def test_under_the_number_of_either_description_are_shown(self) -> None:
        """RFC 3264 §5.1 has a peer send by our numbers; many that answer with another one send by theirs."""
        stage = Stage()
        caller, seat = stage.join("caller", Camera(150), other_number=120), stage.join("seat-1")
        for number in (120, caller.media.receive_format.payload_type, 120):
            caller.media = replace(
                caller.media, receive_format=replace(caller.media.receive_format, payload_type=number)
            )
            caller.show(5)
        assert sum(about(luma, 150) for luma in seat.pictures()) == 15
        assert not stage.room.participant("caller").stream.wrong_payload_type

    def test_what_fills_up_an_aggregate_is_not_passed_on(self) -> None:
        """libwebrtc drops an aggregate with an empty unit whole."""
        stage = Stage()
        caller = stage.join("caller", Camera(150, (64, 48)))
        seat = stage.join("seat-1")
        send(caller, 3, filled_up)
        aggregates = [one.payload for one in seat.got() if one.payload and one.payload[0] & 0x1F == h264.STAP_A]
        assert aggregates
        for payload in aggregates:
            assert 1 + sum(2 + len(unit) for unit in h264.split_stap_a(payload)) == len(payload)

    def test_sets_larger_than_a_packet_are_divided_where_we_add_them(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        send(caller, 1, large_sets)
        assert caller.camera is not None
        caller.camera.in_band = False
        seat = stage.join("seat-1")
        caller.camera.key_frame()
        caller.show(5)
        assert about(seat.pictures()[-1], 150)
        assert max(len(data) for data, _, _ in seat.pair.rtp) <= 1350


class TestRestarts:
    @pytest.mark.parametrize("back", [1, 10, 50, 90])
    def test_close_behind_where_it_was_is_a_restart_all_the_same(self, back: int) -> None:
        """Another source of the same SSRC, as after a transfer: the timestamp tells."""
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        seat = stage.join("seat-1")
        caller.show(10)
        caller.camera = Camera(150)
        caller.sequence, caller.timestamp = caller.sequence - back, caller.timestamp + 12_345_678
        caller.show(10)
        assert [luma for luma in seat.pictures() if about(luma, 150)][8:]

    def test_the_last_packets_of_the_ssrc_before_do_not_bring_it_back(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90, slices=200))
        seat = stage.join("seat-1")
        caller.show(10)
        old = caller.packets()
        caller.camera, caller.ssrc = Camera(150, slices=200), 0x9999
        new = caller.packets()
        for data in (*new[:3], *old, *new[3:]):
            caller.deliver(data)
        generation = stage.room.participant("caller").stream.generation
        stage.loop.advance(1 / 15)
        caller.show(9)
        assert len([luma for luma in seat.pictures() if about(luma, 150)]) >= 9
        assert stage.room.participant("caller").stream.generation == generation

    def test_of_two_streams_at_once_one_is_shown(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90, slices=200))
        seat = stage.join("seat-1")
        caller.show(5)
        first, second = (caller.camera, caller.sequence, caller.timestamp, caller.ssrc), (Camera(150), 7, 7, 0x9999)
        for _ in range(30):
            caller.heed()
            caller.camera, caller.sequence, caller.timestamp, caller.ssrc = first
            packets = caller.packets()
            first = caller.camera, caller.sequence, caller.timestamp, caller.ssrc
            caller.camera, caller.sequence, caller.timestamp, caller.ssrc = second
            packets += caller.packets()
            second = caller.camera, caller.sequence, caller.timestamp, caller.ssrc
            for data in packets:
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        lumas = seat.pictures()
        assert max(sum(about(luma, 90) for luma in lumas), sum(about(luma, 150) for luma in lumas)) >= 28
        assert stage.room.participant("caller").stream.generation <= 2

    def test_the_one_before_comes_back_when_its_successor_is_silent(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        seat = stage.join("seat-1")
        caller.show(5)
        ssrc, caller.ssrc = caller.ssrc, 0x9999
        caller.show(5)
        stage.loop.advance(0.3)
        caller.ssrc, caller.camera = ssrc, Camera(150)
        caller.show(10)
        assert about(seat.pictures()[-1], 150)


class TestOrder:
    def test_the_begin_of_a_key_frame_is_overtaken_by_the_next_picture(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(150, (640, 480)))
        seat = stage.join("seat-1")
        caller.limit = 300
        first, second = caller.packets(), caller.packets()
        for data in (first[0], *first[2:], *second, first[1]):  # the first holds its sets
            caller.deliver(data)
        stage.loop.advance(1 / 15)
        caller.show(5)
        assert len([luma for luma in seat.pictures() if about(luma, 150)]) == 7

    @pytest.mark.parametrize(("packets", "shown"), [(100, True), (250, True), (400, False)])
    def test_the_begin_of_a_large_key_frame_is_sent_again(self, packets: int, shown: bool) -> None:
        """What was put aside is shown whole, or another one is asked for."""
        stage = Stage()
        caller = stage.join("caller", Camera(150, (1280, 720)))
        seat = stage.join("seat-1", max_macroblocks=3600)
        assert caller.camera is not None
        units = caller.camera.picture()
        size = sum(map(len, units)) // packets
        made = numbered(caller, packetise(units, 1, size))
        asked = stage.room.participant("caller").stream.broker.asked
        for data in (made[0], *made[2:], made[1]):
            caller.deliver(data)
        stage.loop.advance(1.1)
        if shown:
            assert len([luma for luma in seat.pictures() if about(luma, 150)]) == 1
        else:
            assert stage.room.participant("caller").stream.broker.asked > asked
            caller.show(3)
            assert about(seat.pictures()[-1], 150)


class TestSlowRepairs:
    def watch(self, answer_s: float, lost: int = 30) -> tuple[Stage, Peer, Peer, int]:
        """A source that answers each NACK after so long. Returns also: the most that it got for one packet, later on."""
        stage = Stage()
        caller = stage.join("caller", Camera(150, (640, 480)))
        seat = stage.join("seat-1")
        caller.limit = 400
        caller.show(3)
        heard = len(caller.told(Nack))
        due: list[tuple[float, int]] = []
        sent: dict[int, bytes] = {}
        asked: dict[int, int] = {}
        random = Random(3)
        for picture in range(90):
            caller.heed()
            for data in caller.packets():
                number = int.from_bytes(data[2:4])
                sent[number] = data
                if random.random() > 0.03 or picture > 70:
                    caller.deliver(data)
            for _ in range(7):
                for nack in caller.told(Nack)[heard:]:
                    heard += 1
                    for number in nack.lost:
                        asked[number] = asked.get(number, 0) + 1
                        due.append((stage.loop.time + answer_s, number))
                while due and due[0][0] <= stage.loop.time:
                    caller.deliver(sent[due.pop(0)[1]])
                stage.loop.advance(1 / 105)
        assert len(asked) > lost
        return stage, caller, seat, max(list(asked.values())[10:])

    @pytest.mark.parametrize("answer_s", [0.05, 0.15, 0.3, 0.6])
    def test_are_not_asked_for_again_while_under_way(self, answer_s: float) -> None:
        stage, _, seat, most = self.watch(answer_s)
        assert most <= (1 if answer_s < 0.6 else 2)
        assert stage.room.participant("caller").stream.broker.asked <= 3
        assert len([luma for luma in seat.pictures() if about(luma, 150)]) >= 90


class TestModeZero:
    def test_a_repair_that_is_too_late_for_a_viewer_is_another_key_frame(self) -> None:
        """Units leave in order: what comes after the wait is of no use to it, though the stream itself is whole."""
        stage = Stage()
        caller = stage.join("caller", Camera(150))
        stage.join("seat-1", packetization_mode=0)
        caller.show(5)
        asked = stage.room.participant("caller").stream.broker.asked
        late: list[bytes] = []
        for picture in range(5):
            packets = caller.packets()
            if picture == 1:
                late, packets = packets[:1], packets[1:]
            for data in packets:
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        caller.deliver(late[0])
        stage.loop.advance(1.0)
        assert stage.room.participant("caller").stream.broker.asked > asked


class TestGoodbye:
    def test_is_told_like_silence(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        seat = stage.join("seat-1")
        caller.show(5)
        caller.feed(Bye((caller.ssrc,)))
        stage.loop.advance(0.1)
        assert [(one.participant, one.reason) for one in stage.of(PictureStopped)] == [("caller", "said goodbye")]
        assert about(seat.pictures()[-1], SLATE_LUMA)
