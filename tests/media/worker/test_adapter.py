"""A web caller's adapter in a real worker: a browser on one side, two phones' ports on the other."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.adapters import AdapterHandle, AdapterSetting
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import AdapterLost, TransportChanged
from splitter.media.voice.opus import Opus
from splitter.media.worker.engine import WorkerEngine
from splitter.rtp import red, rtcp
from splitter.rtp.feedback import Nack, Pli
from splitter.rtp.red import RedBlock
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport
from splitter.sdp.voice import VoiceFormat
from splitter.sdp.webvoice import Transcoding
from tests.media.wire.stand import Browser
from tests.media.worker.stand import Events, Peer, engine, receive, worker_pid
from tests.patience import until
from tests.speech import sample

pytestmark = pytest.mark.slow

VOICE, PICTURE = 8, 102
"""Payload types of what the browser sends."""
CENTRE, AGENT = 0xCE4, 0xA6E
"""SSRCs of what the relay and the room send."""


def rtp(payload_type: int, ssrc: int, sequence: int = 1, size: int = 160) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence, sequence * 160, ssrc) + b"\xd5" * size


class Scene:
    """An adapter with its browser, the relay and the room."""

    def __init__(self, engine: WorkerEngine, handle: AdapterHandle, events: Events) -> None:
        self.engine, self.handle, self.events = engine, handle, events
        self.browser = Browser()
        self.relay, self.room = Peer(), Peer()

    @property
    def setting(self) -> AdapterSetting:
        return AdapterSetting(
            self.browser.secure(candidates=False),
            ((VOICE, VOICE), (0, 0), (126, 101)),
            ((PICTURE, PICTURE),),
            self.relay.remote,
            self.room.remote,
        )

    async def connect(self) -> None:
        await self.browser.ice.gather()
        await self.engine.adapters.set_adapter(self.handle, self.setting)
        await self.browser.connect(self.handle.secure)

    def plain(self, whose: str) -> tuple[str, int]:
        end = getattr(self.handle, whose)
        return end.host, end.rtp_port


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with engine() as worker:
        events = Events()
        handle = await worker.adapters.open_adapter("call-1", "access", events)
        made = Scene(worker, handle, events)
        try:
            await made.connect()
            yield made
        finally:
            await made.browser.close()
            made.relay.close()
            made.room.close()


async def test_each_stream_of_the_browser_reaches_its_own_place_and_back() -> None:
    async with scene() as it:
        browser = it.browser
        await browser.send(rtp(VOICE, 0xB01))
        await browser.send(rtp(PICTURE, 0xB02, size=900))
        voice, source = await receive(it.relay.rtp)
        assert voice == rtp(VOICE, 0xB01) and source == it.plain("voice")
        assert (await receive(it.room.rtp))[0] == rtp(PICTURE, 0xB02, size=900)

        it.relay.rtp.sendto(rtp(VOICE, CENTRE), it.plain("voice"))
        it.room.rtp.sendto(rtp(PICTURE, AGENT, size=1100), it.plain("picture"))
        await until(lambda: len(browser.rtp) == 2)
        assert sorted(browser.rtp, key=len) == [rtp(VOICE, CENTRE), rtp(PICTURE, AGENT, size=1100)]


async def test_a_payload_type_that_has_another_number_inside_is_exchanged() -> None:
    async with scene() as it:
        await it.browser.send(rtp(126, 0xB01))
        assert (await receive(it.relay.rtp))[0] == rtp(101, 0xB01)
        it.relay.rtp.sendto(rtp(101, CENTRE), it.plain("voice"))
        await until(lambda: bool(it.browser.rtp))
        assert it.browser.rtp == [rtp(126, CENTRE)]


async def test_reports_and_requests_go_to_the_stream_that_they_are_about() -> None:
    async with scene() as it:
        browser = it.browser
        it.relay.rtp.sendto(rtp(VOICE, CENTRE), it.plain("voice"))
        it.room.rtp.sendto(rtp(PICTURE, AGENT), it.plain("picture"))
        await until(lambda: len(browser.rtp) == 2)
        report = ReceiverReport(1, (ReportBlock(CENTRE, 7), ReportBlock(AGENT, 9)))
        await browser.send(rtcp.build([report, Pli(1, AGENT), Nack(1, AGENT, (3,))]))
        assert rtcp.parse((await receive(it.relay.rtcp))[0]) == [ReceiverReport(1, (ReportBlock(CENTRE, 7),))]
        picture = rtcp.parse((await receive(it.room.rtcp))[0])
        assert picture == [ReceiverReport(1, (ReportBlock(AGENT, 9),)), Pli(1, AGENT), Nack(1, AGENT, (3,))]

        host, port = it.plain("picture")
        it.room.rtcp.sendto(rtcp.build([Pli(AGENT, 0xB02)]), (host, port + 1))
        await until(lambda: Pli(AGENT, 0xB02) in browser.rtcp)


async def test_nobody_else_is_heard_and_nothing_goes_where_it_is_pointed_no_more() -> None:
    async with scene() as it:
        stranger = it.relay.extra()
        stranger.sendto(rtp(VOICE, 0xBAD), it.plain("voice"))
        await it.engine.adapters.set_adapter(it.handle, replace(it.setting, picture=None))
        it.room.rtp.sendto(rtp(PICTURE, AGENT), it.plain("picture"))
        it.relay.rtp.sendto(rtp(VOICE, CENTRE), it.plain("voice"))
        await until(lambda: bool(it.browser.rtp))
        assert it.browser.rtp == [rtp(VOICE, CENTRE)]
        await it.browser.send(rtp(PICTURE, 0xB02))
        await it.browser.send(rtp(VOICE, 0xB01))
        await receive(it.relay.rtp)
        with pytest.raises(BlockingIOError):
            it.room.rtp.recv(2000)


async def test_opus_with_red_becomes_g711_and_back_and_reports_are_made_here() -> None:
    async with scene() as it:
        browser, coder, speech = it.browser, Opus(), sample(1.0)
        plan = Transcoding(VoiceFormat("OPUS", 111, 48_000, 2), VoiceFormat("PCMA", VOICE), 63)
        types = ((111, 111), (63, 63))
        await it.engine.adapters.set_adapter(it.handle, replace(it.setting, voice_types=types, transcoding=plan))
        for number in range(50):
            block = speech[number * 160 : number * 160 + 160]
            payload = red.build([RedBlock(111, 0, coder.encode(block))])
            await browser.send(struct.pack("!BBHII", 0x80, 63, number, number * 960, 0xB01) + payload)
            it.relay.rtp.sendto(rtp(VOICE, CENTRE, number), it.plain("voice"))
        voice, source = await receive(it.relay.rtp)
        assert (len(voice), voice[1] & 0x7F, source) == (172, VOICE, it.plain("voice"))
        assert int.from_bytes(voice[8:12]) != 0xB01, "a stream of its own"
        await until(lambda: len(browser.rtp) > 5)
        assert {packet[1] & 0x7F for packet in browser.rtp} == {63}
        assert len(red.read(browser.rtp[5][12:])) == 3
        await until(lambda: any(isinstance(one, SenderReport) for one in browser.rtcp))
        [report] = [one for one in browser.rtcp if isinstance(one, SenderReport)][:1]
        assert [block.ssrc for block in report.blocks] == [0xB01]
        reported = rtcp.parse((await receive(it.relay.rtcp))[0])[0]
        assert isinstance(reported, SenderReport) and reported.ssrc == int.from_bytes(voice[8:12])


async def test_it_outlives_its_gateway_and_dies_with_its_worker() -> None:
    async with scene() as it:
        await until(lambda: [event.state for event in it.events.of(TransportChanged)][-1:] == ["connected"])
        moved = replace(it.setting, voice=RemoteEnd(Address("192.0.2.1", 4000), Address("192.0.2.1", 4001)))
        await it.engine.adapters.set_adapter(it.handle, moved)  # ours by its public name
        with pytest.raises(MediaUnavailable):
            await it.engine.adapters.adopt_adapter(it.handle, Events())  # nobody has left it
        os.kill(worker_pid(it.engine), signal.SIGKILL)
        lost = await it.events.next(AdapterLost)
        assert lost.adapter_id == it.handle.adapter_id


async def test_closed_it_leaves_nothing_behind() -> None:
    async with scene() as it:
        await it.engine.adapters.close_adapter(it.handle)
        await it.engine.adapters.close_adapter(it.handle)
        assert it.engine.sizes()["ports"] == 0
