"""What a room's viewers can take reaches a web caller's browser in its own terms, in virtual time."""

from __future__ import annotations

from typing import Any

from splitter.core.net import Address
from splitter.media.adapter.picture import AdapterPicture
from splitter.media.ports.ends import RemoteEnd
from splitter.media.wire.bundle import Bundle
from splitter.rtp import rtcp
from splitter.rtp.feedback import Remb, Tmmbr
from splitter.rtp.rtcp import ReceiverReport, RtcpPacket, SenderReport
from tests.media.room.kit import Camera, Pair, Stage

HERE, ROOM = Address("127.0.0.9", 40_000), Address("127.0.0.1", 30_000)
INSIDE = RemoteEnd(ROOM, Address(ROOM.host, ROOM.port + 1))


class Wire:
    """A browser's transport: keeps the reports that it is sent."""

    to, packet_limit = Address("192.0.2.9", 9), 1200
    send_rtp = seal_rtp = None

    def __init__(self) -> None:
        self.told: list[RtcpPacket] = []

    def send_rtcp(self, data: bytes) -> None:
        self.told += rtcp.parse(data)

    def serve(self, end: object) -> None: ...

    def close(self) -> None: ...


class WebCaller:
    """A caller in a room, whose picture comes by an adapter."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.wire = stage, Wire()
        self.peer = stage.join("caller", Camera(90))
        bundle = Bundle(lambda end: self.wire)  # type: ignore[arg-type, return-value]
        self.picture = AdapterPicture(stage.loop, HERE.host, bundle)  # type: ignore[arg-type]
        self.pair: Pair = stage.loop.pairs[-1]
        self.picture.point(INSIDE)
        self._carried = 0

    def show(self, pictures: int) -> None:
        """Send pictures to the room, and have its reports come to the browser."""
        self.peer.show(pictures)
        for data, _, at in self.peer.pair.rtcp[self._carried :]:
            self.pair.on_rtcp(memoryview(data), INSIDE.rtcp, at)
        self._carried = len(self.peer.pair.rtcp)

    def told(self, kind: type) -> list[Any]:
        return [one for one in self.wire.told if isinstance(one, kind)]


def test_who_sent_to_its_ports_is_told_as_they_are_given_back() -> None:
    """The next one who has them may learn from where its peer sends, and must not learn these."""
    caller = WebCaller(Stage())
    late: list[Any] = []
    caller.pair.close = late.append  # type: ignore[method-assign, assignment]
    caller.picture.close()
    assert [set(one) for one in late] == [{INSIDE.rtp, INSIDE.rtcp}]


def test_the_least_that_viewers_can_take_is_told_by_remb_again_and_again_and_anew() -> None:
    stage = Stage()
    caller = WebCaller(stage)
    stage.join("desk-1", bitrate_kbps=600)
    stage.join("desk-2", bitrate_kbps=300)
    caller.show(15 * 30)
    assert not caller.told(Tmmbr), "no browser knows that"
    limits = caller.told(Remb)
    assert {(one.bits_per_s, one.ssrcs) for one in limits} == {(300_000, (caller.peer.ssrc,))}
    assert len(limits) > 3, "nobody confirms it, so it is said with each report"
    stage.room.leave("desk-2")
    caller.show(15 * 10)
    assert caller.told(Remb)[-1].bits_per_s == 600_000
    assert caller.told(SenderReport), "what else the room says goes through"


def test_what_is_no_rtcp_is_counted() -> None:
    caller = WebCaller(Stage())
    caller.pair.on_rtcp(memoryview(b"\x80"), INSIDE.rtcp, 1.0)
    caller.pair.on_rtcp(memoryview(rtcp.build([ReceiverReport(1)])), HERE, 1.0)
    assert caller.picture.rejected == 2 and not caller.wire.told
