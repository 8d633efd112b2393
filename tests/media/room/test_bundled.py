"""Participants whose streams are on one wire, as the camera and the screen of a desk are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from splitter.core.errors import LocalError
from splitter.rtp import packet
from splitter.rtp.feedback import Pli
from splitter.sdp.video import VideoFormat
from tests.media.room.kit import Camera, Peer, Stage

LIGHT, DARK, CALLER = 200, 60, 120


@dataclass
class Desk:
    """A caller, and a desk that sends two streams from one address to one port of ours."""

    stage: Stage
    caller: Peer
    camera: Peer
    screen: Peer

    def play(self, pictures: int) -> None:
        """All of them send."""
        for _ in range(pictures):
            for peer in (self.caller, self.camera, self.screen):
                peer.heed()
                for data in peer.packets():
                    peer.deliver(data)
            self.stage.loop.advance(1 / 15)

    def got(self, peer: Peer) -> list[packet.Packet]:
        """What came in one of the desk's two streams."""
        return [one for one in peer.got() if one.payload_type == peer.media.send_format.payload_type]


@pytest.fixture
def desk() -> Desk:
    stage = Stage()
    caller = stage.join("caller", Camera(CALLER))
    camera = stage.join("camera", Camera(LIGHT))
    stage.room.join_beside("screen", "camera")
    form = VideoFormat(payload_type=120)
    media = replace(camera.media, send_format=form, receive_format=form, aside=True)
    screen = replace(camera, name="screen", media=media, camera=Camera(DARK), ssrc=0x2222, sequence=100)
    stage.room.set_participant("screen", media)
    return Desk(stage, caller, camera, screen)


class TestTwoStreamsOnOneWire:
    def test_are_two_sources(self, desk: Desk) -> None:
        desk.play(10)
        desk.stage.room.show("caller", "screen")
        desk.play(10)
        seen = desk.caller.pictures()
        assert abs(seen[-1] - DARK) < 20 and any(abs(luma - LIGHT) < 20 for luma in seen)
        counts = {one.name: one.stream for one in desk.stage.room.report().participants}
        assert counts["camera"].packets_in > 0 and counts["screen"].packets_in > 0
        assert counts["camera"].lost == counts["screen"].lost == 0

    def test_are_shown_what_each_is_to_see(self, desk: Desk) -> None:
        desk.play(5)
        desk.stage.room.show("screen", "slate")
        desk.play(10)
        first, second = desk.got(desk.camera), desk.got(desk.screen)
        assert first and second and {one.ssrc for one in first}.isdisjoint({one.ssrc for one in second})
        assert abs(desk.camera.pictures(first)[-1] - CALLER) < 20
        assert abs(desk.screen.pictures(second)[-1] - CALLER) > 20

    def test_ask_for_key_frames_each_of_its_own_sender(self, desk: Desk) -> None:
        desk.play(5)
        told = len(desk.camera.told(Pli))
        desk.stage.room.show("caller", "screen")
        desk.stage.loop.advance(0.3)
        asked = desk.camera.told(Pli)[told:]
        assert asked and {one.media for one in asked} == {0x2222}

    def test_leave_one_by_one_and_the_last_one_gives_the_ports_back(self, desk: Desk) -> None:
        desk.play(3)
        desk.stage.room.show("caller", "screen")
        assert desk.stage.room.leave("camera") is not None
        assert not desk.camera.pair.closed
        desk.caller.pair.rtp.clear()
        desk.play(10)
        assert abs(desk.caller.pictures()[-1] - DARK) < 20
        desk.stage.room.leave("screen")
        assert desk.camera.pair.closed

    def test_pause_one_by_one(self, desk: Desk) -> None:
        desk.stage.room.set_participant("camera", None)
        desk.stage.room.show("caller", "screen")
        desk.play(10)
        assert abs(desk.caller.pictures()[-1] - DARK) < 20
        counts = {one.name: one.stream.packets_in for one in desk.stage.room.report().participants}
        assert counts["screen"] > 0

    def test_need_somebody_to_be_beside(self, desk: Desk) -> None:
        with pytest.raises(LocalError):
            desk.stage.room.join_beside("third", "nobody")
        with pytest.raises(LocalError):
            desk.stage.room.join_beside("camera", "screen")
