"""A browser in a room: ICE, DTLS and SRTP with an independent peer on loopback."""

from __future__ import annotations

from tests.media.room.kit import Camera
from tests.media.webrtc.conftest import Run
from tests.media.webrtc.stand import Browser, stand
from tests.media.worker.stand import until


class TestJoining:
    def test_pictures_go_both_ways(self, run: Run) -> None:
        async def scenario() -> None:
            async with stand(Camera(120)) as s:
                browser = Browser(camera=Camera(200))
                await s.seat(browser)
                assert s.states == ["connecting", "connected"]
                await until(lambda: browser.rtp)
                seen = len(browser.rtp)
                s.phone.show()
                await browser.show()
                await until(lambda: s.room.report().participants[1].source == "caller")
                await until(lambda: s.room.report().participants[0].source == "seat-1")
                assert len(browser.rtp) > seen
                await browser.close()

        run(scenario())
