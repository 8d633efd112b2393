"""Participants with keys of SDP (SRTP): the others see them, and they see the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from splitter.core.net import Address
from splitter.media.ports.events import KeysDoubted
from splitter.media.wire.keyed import DOUBTED
from splitter.rtp import rtcp
from splitter.rtp.feedback import Nack
from splitter.sdp.srtp import StreamKeys, Suite
from tests.media.room.kit import Camera, Pair, Peer, Stage, about
from tests.media.secured import SecurePeer, keys_of


class SecurePair:
    """The far end of the ports: what a peer with keys sends and gets."""

    def __init__(self, pair: Pair, keys: StreamKeys) -> None:
        self.beneath, self.far = pair, SecurePeer(keys)
        self.rtp: list[tuple[bytes, Address, float]] = []
        self.sealed: list[bytes] = []
        self.reports: list[tuple[bytes, Address, float]] = []

    def on_rtp(self, data: Any, source: Address, now: float) -> None:
        self.beneath.on_rtp(memoryview(bytearray(self.far.seal(bytes(data)))), source, now)
        self.take()

    def on_rtcp(self, data: Any, source: Address, now: float) -> None:
        self.beneath.on_rtcp(memoryview(bytearray(self.far.seal_rtcp(bytes(data)))), source, now)

    def take(self) -> None:
        """Open what has come."""
        for data, to, at in self.beneath.rtp:
            self.sealed.append(data)
            plain = self.far.open(data)
            assert plain is not None and plain != data
            self.rtp.append((plain, to, at))
        self.beneath.rtp.clear()

    @property
    def rtcp(self) -> list[tuple[bytes, Address, float]]:
        opened = [(self.far.open_rtcp(data), to, at) for data, to, at in self.beneath.rtcp]
        self.beneath.rtcp.clear()
        self.reports += [(data, to, at) for data, to, at in opened if data is not None]
        return self.reports


def secured(stage: Stage, name: str, keys: StreamKeys, camera: Camera | None, **changes: Any) -> Peer:
    """A participant that joins with keys."""
    peer = stage.join(name, camera, answered=False, **changes)
    assert peer.media.remote is not None
    peer.media = replace(peer.media, remote=replace(peer.media.remote, keys=keys))
    stage.room.set_participant(name, peer.media)
    peer.pair = SecurePair(peer.pair, keys)  # type: ignore[assignment]
    return peer


class TestAPictureWithKeys:
    def test_is_seen_by_the_others_and_sees_them(self) -> None:
        stage = Stage()
        caller = secured(stage, "caller", keys_of(Suite.AEAD_AES_256_GCM), Camera(90))
        seat = stage.join("seat", Camera(180))
        for _ in range(30):
            caller.show(1)
            seat.show(1)
        caller.pair.take()  # type: ignore[attr-defined]
        assert about(seat.pictures()[-1], 90)
        assert about(caller.pictures()[-1], 180)

    def test_is_sent_again_as_it_was(self) -> None:
        """What was lost is sent again in the bytes that left: nothing is encrypted twice."""
        stage = Stage()
        caller = secured(stage, "caller", keys_of(), None, feedback=frozenset({"nack", "nack pli"}))
        seat = stage.join("seat", Camera(180))
        seat.show(10)
        pair = caller.pair
        pair.take()  # type: ignore[attr-defined]
        sealed = pair.sealed  # type: ignore[attr-defined]
        lost = caller.got()[-1]
        caller.feed(Nack(caller.ssrc, lost.ssrc, (lost.sequence,)))
        assert [data for data, _, _ in pair.beneath.rtp] == [sealed[-1]]  # type: ignore[attr-defined]

    def test_of_other_keys_is_told_and_not_shown(self) -> None:
        stage = Stage()
        stage.join("seat")
        caller = secured(stage, "caller", keys_of(), Camera(90))
        caller.pair.far = SecurePeer(keys_of(theirs=9))  # type: ignore[attr-defined]
        for data in [data for _ in range(DOUBTED) for data in caller.packets()]:
            sealed = caller.pair.far.seal(data)  # type: ignore[attr-defined]
            caller.pair.beneath.on_rtp(memoryview(bytearray(sealed)), caller.rtp, stage.loop.time)  # type: ignore[attr-defined]
        assert stage.of(KeysDoubted) == [KeysDoubted("c1", "video", "caller", caller.rtp)]
        report = next(one for one in stage.room.report().participants if one.name == "caller")
        assert report.stream.packets_in == 0 and report.stream.rejected >= DOUBTED


def test_plain_reports_are_not_believed_where_there_are_keys() -> None:
    stage = Stage()
    caller = secured(stage, "caller", keys_of(), Camera(90))
    plain = rtcp.build([rtcp.ReceiverReport(caller.ssrc)])
    assert caller.media.remote is not None
    caller.pair.beneath.on_rtcp(memoryview(bytearray(plain)), caller.media.remote.rtcp, stage.loop.time)  # type: ignore[attr-defined]
    report = next(one for one in stage.room.report().participants if one.name == "caller")
    assert report.stream.rejected == 1
