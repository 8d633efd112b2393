"""The voice of an adapter: straight through, or made of another one where the two sides do not speak the same."""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.media.adapter.stream import AdapterStream
from splitter.media.adapter.transcoder import Transcoder
from splitter.media.voice import BLOCK_S
from splitter.media.wire.beat import Beat
from splitter.media.wire.bundle import Bundle
from splitter.media.wire.host import Host
from splitter.rtp import rtcp
from splitter.rtp.rtcp import RtcpPacket
from splitter.sdp.webvoice import Transcoding

_REPORT_BLOCKS = 100  # 2 s: Opus is to learn soon of how much is lost (RFC 4585 §3.5.3 allows less than 5)


class AdapterVoice(AdapterStream):
    """A voice. `cname`: of our reports, where it is transcoded."""

    def __init__(self, host: Host, at: str, bundle: Bundle, cname: str) -> None:
        self._host, self._cname = host, cname
        self._transcoder: Transcoder | None = None
        self._clock: Beat | None = None
        self._blocks = 0
        super().__init__(host, at, bundle)

    def transcode(self, plan: Transcoding | None) -> None:
        """Make the voice of the inside of the browser's from now on; None: it goes straight through."""
        if plan is None:
            self._stop()
        elif self._transcoder is None:
            self._transcoder = Transcoder(plan, self._cname)
            self._clock = Beat(self._host, BLOCK_S, self._on_block, self._transcoder.skip)
        else:
            self._transcoder.follow(plan)

    def close(self) -> None:
        self._stop()
        super().close()

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.stop()
        self._clock = self._transcoder = None

    def _on_block(self, now: float) -> None:
        transcoder = self._transcoder
        if transcoder is None:
            return
        inside, browser = transcoder.beat(now)
        if inside is not None:
            self.send_inside(inside)
        if browser is not None:
            self.send_browser(browser)
        self._blocks += 1
        if not self._blocks % _REPORT_BLOCKS:
            inside, browser = transcoder.reports(self._host.wall(), now)
            self.report_inside(inside)
            self.report_browser(browser)

    # ---- what comes ----

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        transcoder = self._transcoder
        if transcoder is None:
            super().on_rtp(data, now)
            return
        self.taken += 1
        if (packet := transcoder.take_browsers(data, now)) is not None:
            self.send_inside(packet)

    def from_inside(self, data: bytearray | memoryview, now: float) -> None:
        if self._transcoder is None:
            super().from_inside(data, now)
        else:
            self._transcoder.take_insides(data, now)

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        if self._transcoder is None:
            super().on_rtcp(messages, now)
        else:
            self._transcoder.take_browsers_reports(messages, now)

    def reported_inside(self, data: bytes, now: float) -> None:
        if self._transcoder is None:
            super().reported_inside(data, now)
            return
        try:
            messages = rtcp.parse(data)
        except PeerError:
            self.rejected += 1
        else:
            self._transcoder.take_insides_reports(messages, now)
