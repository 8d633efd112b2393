"""What goes to and from a browser: its video both ways, and what receivers say of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from splitter.media.ports.events import TransportChanged
from splitter.rtp import packet
from splitter.rtp.feedback import BitrateLimit, Nack, Pli, Remb, Tmmbr
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription
from tests.media.room.kit import Camera
from tests.media.wire.stand import BROWSER, HOST, Browser, both_show, seated, showing, stand
from tests.patience import PATIENCE_S, until


def read(packets: list[bytes]) -> list[packet.Packet]:
    return [packet.parse(data) for data in packets]


class TestMedia:
    async def test_goes_both_ways_byte_by_byte_with_numbers_of_our_own(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            assert s.states == ["connecting", "connected"]
            assert "GCM" in s.of(TransportChanged)[-1].reason
            await both_show(s, browser)
            got, sent = len(browser.rtp), len(s.phone.rtp)
            from_phone = [data for _ in range(5) for data in s.phone.show(1100)]
            from_browser = await browser.show(40)  # over the wrap of sequence and timestamp
            last = [read(source)[-1].payload for source in (from_browser, from_phone)]
            await until(lambda: any(one.payload == last[0] for one in read(s.phone.rtp[sent:])))
            await until(lambda: any(one.payload == last[1] for one in read(browser.rtp[got:])))
            for source, seen, number in (
                (from_browser, s.phone.rtp[sent:], 99),
                (from_phone, browser.rtp[got:], 102),
            ):
                wanted = read(source)
                found = read(seen)[-len(wanted) :]  # some of what came before may have been on its way still
                assert [one.payload for one in found] == [one.payload for one in wanted]
                assert {one.payload_type for one in found} == {number}
                assert len({one.ssrc for one in found}) == 1
                for a, b, c, d in zip(wanted, wanted[1:], found, found[1:], strict=False):
                    assert (d.sequence - c.sequence) & 0xFFFF == 1
                    assert packet.timestamp_delta(d.timestamp, c.timestamp) == packet.timestamp_delta(
                        b.timestamp, a.timestamp
                    )

    async def test_packets_say_whose_they_are_as_the_answer_said(self) -> None:
        """The SSRC of a=ssrc (RFC 5576 §4.1), and at first the m-line (RFC 8843 §15)."""

        async with stand(Camera(120)) as s:
            browser = Browser(camera=Camera(200))
            _, local = s.room.join_secure("seat-1", HOST, HOST)
            await browser.ice.gather()
            s.settle(browser.secure(), format=replace(BROWSER, mid_id=4, mid="video0"))
            await browser.connect(local)
            await both_show(s, browser)
            found = read(browser.rtp)
            assert {one.ssrc for one in found} == {local.ssrc}
            assert {message.cname for message in browser.of(SourceDescription)} <= {local.cname}
            small = [one for one in found[:50] if len(one.payload) < 1000]
            assert small and all((4, b"video0") in one.extensions for one in small)
            await browser.close()

    async def test_a_key_frame_is_asked_for_once_there_is_a_path_and_not_before(self) -> None:
        async with stand(Camera(120)) as s:
            assert s.phone.camera is not None
            s.phone.camera.key_frame()
            s.phone.show()
            await until(lambda: s.room.participant("caller").sends)
            browser = Browser()
            await browser.ice.gather()
            _, local = s.room.join_secure("seat-1", HOST, HOST)
            asked = s.room.report().participants[0].key_frame_requests_out
            s.settle(browser.secure())
            for _ in range(20):  # longer than two requests of a burst are apart
                s.phone.show()
                await asyncio.sleep(0.02)
            assert s.room.report().participants[0].key_frame_requests_out == asked, "it would go nowhere"
            await browser.connect(local)
            await until(lambda: s.room.report().participants[0].key_frame_requests_out > asked)
            await browser.close()

    async def test_orientation_keeps_its_value_under_each_legs_id(self) -> None:
        async with showing() as (s, browser):
            before = len(s.phone.rtp)
            await browser.show(3, orientation=2)
            await until(lambda: len([1 for one in read(s.phone.rtp[before:]) if one.extensions]) >= 3)
            turned = [one.extensions for one in read(s.phone.rtp[before:]) if one.extensions]
            assert turned[-1] == ((7, b"\x02"),)

    async def test_packets_to_browsers_keep_to_1200_bytes(self) -> None:
        async with stand(Camera(120, size=(640, 480))) as s:
            browser = Browser(camera=Camera(200))
            await s.seat(browser)
            await both_show(s, browser)
            seen = len(browser.rtp)
            assert max(map(len, s.phone.show(1320))) > 1200
            await until(lambda: len(browser.rtp) >= seen + len(s.phone.sent))
            assert max(map(len, browser.rtp)) <= 1200
            await browser.close()

    async def test_losses_are_mended_from_copies(self) -> None:
        async with showing() as (s, browser):
            await until(lambda: s.wire().to.port)
            browser.lossy = 100
            lost = len(s.phone.show())
            await until(lambda: browser.lost >= lost)
            browser.lossy = 0
            seen = len(browser.rtp)
            s.phone.show()
            await until(lambda: len(browser.rtp) > seen)
            first = packet.parse(browser.rtp[seen])
            missing = tuple((first.sequence - behind) & 0xFFFF for behind in range(lost, 0, -1))
            await browser.report(Nack(browser.ssrc, first.ssrc, missing))
            await until(lambda: set(missing) <= {one.sequence for one in read(browser.rtp[seen:])})
            assert {one.payload for one in read(browser.rtp)} >= {one.payload for one in read(s.phone.sent)}

    @pytest.mark.slow
    async def test_five_percent_loss_both_ways(self) -> None:
        async with showing() as (s, browser):
            browser.lossy = 5
            sent = await browser.show(100)
            async with asyncio.timeout(PATIENCE_S):
                while not browser.of(Nack):
                    sent += await browser.show(10)
            report = s.room.report().participants[1]
            assert 0 < report.stream.lost < 0.25 * len(sent)
            assert s.wire().state == "connected"


class TestFeedback:
    async def test_a_viewers_pli_reaches_the_source(self) -> None:
        async with showing() as (s, browser):
            await until(lambda: s.room.participant("caller").view.shown == "seat-1")  # the slate's turn is over
            before = len(s.phone.of(Pli))
            ours = packet.parse(browser.rtp[-1]).ssrc
            async with asyncio.timeout(PATIENCE_S):
                while len(s.phone.of(Pli)) == before:
                    await browser.report(Pli(browser.ssrc, ours))
                    s.phone.show()
                    await asyncio.sleep(0.05)
            before = len(browser.of(Pli))
            async with asyncio.timeout(PATIENCE_S):
                while len(browser.of(Pli)) == before:
                    s.phone.report(Pli(0xCA11, packet.parse(s.phone.rtp[-1]).ssrc))
                    await browser.show()

    async def test_the_browser_is_told_what_its_viewer_can_take(self) -> None:
        async with showing() as (s, browser):
            await until(lambda: browser.of(Remb))
            told = browser.of(Remb)[-1]
            assert told.ssrcs == (browser.ssrc,)
            assert told.bits_per_s // 1000 == s.room.participant("seat-1").limit_kbps == 960
            shown = packet.parse(s.phone.rtp[-1]).ssrc
            s.phone.report(Tmmbr(0xCA11, (BitrateLimit(shown, 320_000),)))
            await until(lambda: browser.of(Remb)[-1].bits_per_s == 320_000)

    async def test_reports_tell_the_round_trip_and_what_the_peer_misses(self) -> None:
        async with seated(Camera(120), Camera(200)) as (s, browser):
            await until(lambda: browser.of(SenderReport))  # the slate's
            heard = browser.of(SenderReport)[-1]
            await asyncio.sleep(0.1)
            block = ReportBlock(heard.ssrc, 64, 5, 0, 0, heard.ntp >> 16 & 0xFFFF_FFFF, int(0.05 * 65536))
            await browser.send(_bytes(ReceiverReport(browser.ssrc, (block,))))
            seat = await until(lambda: next((p for p in s.room.report().participants if p.loss_reported >= 0), None))
            assert seat.name == "seat-1" and seat.loss_reported == 0.25
            since_s = time.time() + 2_208_988_800 - heard.ntp / 2**32
            assert 40 <= seat.rtt_ms <= 1000 * (since_s - 0.05) + 1


def _bytes(*messages: ReceiverReport) -> bytes:
    from splitter.rtp import rtcp

    return rtcp.build(messages)
