"""Participants who would have us work, or talk to the gateway, far more than it costs them."""

from __future__ import annotations

import struct
from unittest.mock import patch

from splitter.media.ports.events import MediaStarted, PictureStopped, SourceShown, SourceUnfit
from splitter.media.room.room import Room
from splitter.media.wire.ends import RTCP_BYTES, RTCP_DATAGRAMS
from splitter.rtp import rtcp
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Remb, Tmmbr
from tests.media.room.kit import Camera, Peer, Stage, about

ALL = frozenset(("nack", "nack pli", "ccm fir", "ccm tmmbr", "goog-remb"))


def ours(peer: Peer) -> int:
    """The SSRC that this peer is sent."""
    return peer.stage.room.participant(peer.name).view.out.switch.ssrc


def pair() -> tuple[Stage, Peer, Peer]:
    """A caller and a seat that see each other."""
    stage = Stage()
    caller, seat = stage.join("caller", Camera(90), feedback=ALL), stage.join("seat-1", Camera(200), feedback=ALL)
    for _ in range(8):
        caller.show(1)
        seat.show(1)
    return stage, caller, seat


class TestManyMessages:
    """RTCP is looked at as often as an ordinary receiver sends it."""

    def test_of_one_datagram_are_one_change(self) -> None:
        _, caller, _ = pair()
        with patch.object(Room, "_limit_sources", autospec=True, side_effect=Room._limit_sources) as limited:
            limits = (BitrateLimit(ours(caller), 300_000 + 1000 * number, 40) for number in range(12))
            caller.feed(*(Tmmbr(caller.ssrc, (limit,)) for limit in limits))
        assert limited.call_count == 1

    def test_that_change_nothing_are_no_change(self) -> None:
        _, caller, _ = pair()
        with patch.object(Room, "_limit_sources", autospec=True, side_effect=Room._limit_sources) as limited:
            caller.feed(Remb(caller.ssrc, 3_000_000, (ours(caller),)))
        assert limited.call_count == 0

    def test_more_than_a_receiver_says_at_once_are_not_heard(self) -> None:
        stage, caller, seat = pair()
        before = stage.room.participant("seat-1").stream.broker.asked
        caller.feed(*(Fir(caller.ssrc, ((ours(caller), number),)) for number in range(40)), Pli(caller.ssrc, 1))
        stage.loop.advance(1.0)
        assert stage.room.participant("seat-1").stream.broker.asked - before <= 3
        seat.show(2)

    def test_datagrams_above_the_pace_are_dropped_and_counted(self) -> None:
        stage, caller, _ = pair()
        participant = stage.room.participant("caller")
        before, resent = participant.wire.rejected, participant.view.out.resent
        lost = (caller.numbers()[-1],)
        for _ in range(3 * RTCP_DATAGRAMS):
            caller.feed(Nack(caller.ssrc, ours(caller), lost))
        assert participant.view.out.resent - resent == RTCP_DATAGRAMS
        assert participant.wire.rejected - before == 2 * RTCP_DATAGRAMS
        stage.loop.advance(2.0)
        caller.feed(Nack(caller.ssrc, ours(caller), lost))
        assert participant.wire.rejected - before == 2 * RTCP_DATAGRAMS

    def test_a_datagram_that_no_path_carries_whole_is_dropped(self) -> None:
        stage, caller, _ = pair()
        participant = stage.room.participant("caller")
        before = participant.wire.rejected
        count = RTCP_BYTES // 4
        nack = struct.pack("!BBHII", 0x81, 205, 2 + count, caller.ssrc, ours(caller)) + b"\x00\x01\xff\xff" * count
        caller.pair.on_rtcp(memoryview(nack), caller.media.remote.rtcp, stage.loop.time)
        assert participant.wire.rejected == before + 1

    def test_one_nack_is_about_so_many_packets(self) -> None:
        count = 300
        data = struct.pack("!BBHII", 0x81, 205, 2 + count, 1, 2) + b"\x00\x01\xff\xff" * count
        (nack,) = rtcp.parse(data)
        assert isinstance(nack, Nack) and len(nack.lost) == 1000
        assert rtcp.parse(rtcp.build([nack])) == [nack]


class TestGoodbye:
    def test_again_and_again_while_packets_come_is_not_believed(self) -> None:
        """Each one cuts every viewer to the slate, and the gateway is told of it."""
        stage, caller, _ = pair()
        before = len(stage.events)
        for _ in range(200):
            caller.camera.key_frame()
            for data in caller.packets():
                caller.deliver(data)
            caller.feed(rtcp.Bye((caller.ssrc,)))
            stage.loop.advance(0.01)
        told = stage.events[before:]
        assert len(told) <= 12, f"{len(told)} events in two seconds"
        assert any(isinstance(event, MediaStarted) for event in told)

    def test_once_is_believed_at_once(self) -> None:
        stage, caller, _ = pair()
        caller.feed(rtcp.Bye((caller.ssrc,)))
        shown = [event.source for event in stage.events if isinstance(event, SourceShown) and event.viewer == "seat-1"]
        assert shown[-1] == "slate"
        stage.loop.advance(10)
        told = [event for event in stage.events if isinstance(event, PictureStopped) and event.participant == "caller"]
        assert told == [PictureStopped("c1", "caller", "said goodbye")]


class TestAPictureThatGrowsAndShrinks:
    def test_is_not_shown_before_it_rests(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller"), stage.join("seat-1", Camera(200))
        seat.show(5)
        small, large = Camera(200), Camera(160, (1920, 1088))
        heads = []
        for camera in (large, small):
            seat.camera = camera
            camera.key_frame()
            heads.append(camera.picture())
        before, sent = len(stage.events), len(caller.pair.rtp)
        for _ in range(300):
            for units in heads:
                seat.camera = _Still(units)  # type: ignore[assignment]
                for data in seat.packets()[:3]:
                    seat.deliver(data)
            stage.loop.advance(0.01)
        told = stage.events[before:]
        assert len(told) <= 16, f"{len(told)} events in three seconds"
        assert len([event for event in told if isinstance(event, SourceUnfit)]) <= 4
        assert len(caller.pair.rtp) - sent < 200, "each slate begins with a key frame"
        seat.camera = Camera(200)
        seat.show(60)
        assert about(caller.pictures()[-1], 200), "it rests, and is shown"


class _Still:
    """A camera that shows the same units again and again; few packets are made of them."""

    def __init__(self, units: list[bytes]) -> None:
        self._units = units

    def picture(self) -> list[bytes]:
        return [unit[:3000] for unit in self._units]
