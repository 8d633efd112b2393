"""A browser's Opus becomes G.711, and the other way round: with loss, keys, pauses and reports."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from splitter.media.adapter.transcoder import QUIET_S, Transcoder
from splitter.media.voice.g711 import ALAW, NOTHING
from splitter.media.voice.incoming import Incoming
from splitter.media.voice.opus import Opus
from splitter.rtp import red, rtcp
from splitter.rtp.red import RedBlock
from splitter.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport
from splitter.sdp.voice import VoiceFormat
from splitter.sdp.webvoice import Transcoding
from tests.speech import Wave, intelligibility, sample

OPUS, RED, DIGITS, PCMA, INSIDE_DIGITS = 111, 63, 110, 8, 126
PLAN = Transcoding(
    VoiceFormat("OPUS", OPUS, 48_000, 2, digits_payload_type=DIGITS),
    VoiceFormat("PCMA", PCMA, digits_payload_type=INSIDE_DIGITS),
    RED,
)
BROWSER, CENTRE = 0xB0, 0xCE
SPEECH_S = 8.0
Lost = Callable[[int], bool]
Said = NDArray[np.int16]


def never(number: int) -> bool:
    return False


def lossy(percent: float, seed: int = 7) -> Lost:
    dice = random.Random(seed)
    return lambda number: dice.random() < percent / 100


def rtp(kind: int, number: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


@dataclass
class Scene:
    """Both ends of a transcoder in virtual time: what either is to hear is kept.

    Attributes:
        copies: packets that the browser sends again with each, as Chromium does it with RED; None: without RED.
    """

    transcoder: Transcoder = field(default_factory=lambda: Transcoder(PLAN, "call-1"))
    now: float = 100.0
    copies: int | None = 1
    inside: list[bytes] = field(default_factory=list)
    browser: list[bytes] = field(default_factory=list)

    def beat(self) -> None:
        for packets, packet in zip((self.inside, self.browser), self.transcoder.beat(self.now), strict=True):
            if packet is not None:
                packets.append(packet)
        self.now += 0.02

    def browser_speaks(self, speech: Said, lost: Lost = never) -> Wave:
        """Returns: what the inside heard."""
        coder, before = Opus(), list[tuple[int, bytes]]()
        coder.expect_loss(20)
        for number in range(len(speech) // 160):
            payload = spoken = coder.encode(speech[number * 160 : number * 160 + 160])
            timestamp, kind = number * 960, OPUS
            if self.copies is not None:
                older = [RedBlock(OPUS, timestamp - at, one) for at, one in before[-self.copies :]]
                kind, payload = RED, red.build([*older, RedBlock(OPUS, 0, payload)])
            before.append((timestamp, spoken))
            if not lost(number):
                self.transcoder.take_browsers(rtp(kind, number, timestamp, BROWSER, payload), self.now)
            self.beat()
        for _ in range(25):
            self.beat()
        return np.concatenate([ALAW.decode(packet[12:]) for packet in self.inside]).astype(np.float64)

    def centre_speaks(self, speech: Said, lost: Lost = never) -> Wave:
        """Returns: what a browser made of what came of it."""
        ear, heard = Incoming(PLAN.browser, Opus(), RED), []
        for number in range(len(speech) // 160 + 25):
            if number * 160 < len(speech):
                payload = ALAW.encode(speech[number * 160 : number * 160 + 160])
                self.transcoder.take_insides(rtp(PCMA, number, number * 160, CENTRE, payload), self.now)
            sent = len(self.browser)
            self.beat()
            for packet in self.browser[sent:]:
                if not lost(number):
                    ear.take(packet, self.now)
            block = np.zeros(160, np.float32)
            ear.playout.read(block)
            heard.append(block)
        return np.concatenate(heard).astype(np.float64)


class TestSpeech:
    @pytest.mark.parametrize("way", ["browser_speaks", "centre_speaks"])
    def test_is_carried(self, way: str) -> None:
        said = sample(SPEECH_S)
        assert intelligibility(said, getattr(Scene(), way)(said)) > 0.9

    @pytest.mark.parametrize("way", ["browser_speaks", "centre_speaks"])
    def test_stays_intelligible_where_a_fifth_of_it_is_lost(self, way: str) -> None:
        said = sample(SPEECH_S)
        scene = Scene()
        assert intelligibility(said, getattr(scene, way)(said, lossy(20))) > 0.85
        if way == "browser_speaks":
            assert scene.transcoder.heard.again > 50 and scene.transcoder.heard.told > 0

    def test_is_helped_by_what_opus_tells_of_it_where_there_is_no_red(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = sample(SPEECH_S)
        with_it = intelligibility(said, Scene(copies=None).browser_speaks(said, lossy(20)))
        monkeypatch.setattr(Opus, "recover", lambda coder, payload, count: NOTHING)
        without = intelligibility(said, Scene(copies=None).browser_speaks(said, lossy(20)))
        assert with_it > 0.8 and with_it > without + 0.02

    def test_comes_without_delay_that_grows(self) -> None:
        said = sample(SPEECH_S)
        scene = Scene()
        scene.browser_speaks(said, lossy(20))
        assert scene.transcoder.heard.playout.delay <= 8 * 160


def key(event: int, number: int, timestamp: int, duration: int, over: bool = False) -> bytes:
    return rtp(DIGITS, number, timestamp, BROWSER, struct.pack("!BBH", event, 0x8A if over else 0x0A, duration))


class TestKeys:
    def test_go_on_at_once_with_the_times_of_the_other_side_and_no_voice_beside_them(self) -> None:
        scene = Scene()
        scene.browser_speaks(sample(0.4))
        before = struct.unpack("!HII", scene.inside[-1][2:12])
        sent = [
            scene.transcoder.take_browsers(key(5, 100 + n, 48_000, 960 * (n + 1), n == 3), scene.now) for n in range(4)
        ]
        assert all(packet is not None for packet in sent)
        heads = [struct.unpack("!BBHII", packet[:12]) for packet in sent if packet is not None]
        assert [kind & 0x7F for _, kind, *_ in heads] == [INSIDE_DIGITS] * 4
        assert [number for _, _, number, _, _ in heads] == [before[0] + 1 + n & 0xFFFF for n in range(4)]
        assert len({timestamp for *_, timestamp, _ in heads}) == 1, "a key has one time"
        assert {ssrc for *_, ssrc in heads} == {before[2]}
        durations = [struct.unpack("!BBH", packet[12:]) for packet in sent if packet is not None]
        assert durations == [(5, 0x0A, 160), (5, 0x0A, 320), (5, 0x0A, 480), (5, 0x8A, 640)]
        voices = len(scene.inside)
        for _ in range(4):
            scene.beat()
        assert len(scene.inside) == voices
        scene.browser_speaks(sample(0.4))
        assert len(scene.inside) > voices
        number, timestamp, _ = struct.unpack("!HII", scene.inside[voices][2:12])
        assert number == heads[-1][2] + 1 & 0xFFFF and timestamp > heads[-1][3]

    @pytest.mark.parametrize("payload", [b"", b"\x05", b"\x05\x0a\x00"])
    def test_that_are_none_go_nowhere(self, payload: bytes) -> None:
        scene = Scene()
        assert scene.transcoder.take_browsers(rtp(DIGITS, 1, 1, BROWSER, payload), scene.now) is None


class TestPauses:
    def test_nothing_is_made_up_for_who_has_stopped(self) -> None:
        """So that the relay, and the browser, notice it."""
        scene = Scene()
        scene.browser_speaks(sample(1.0))
        scene.centre_speaks(sample(1.0))
        for _ in range(int(QUIET_S / 0.02) + 1):
            scene.beat()
        sent = len(scene.inside), len(scene.browser)
        last = struct.unpack("!HI", scene.browser[-1][2:8])
        for _ in range(50):
            scene.beat()
        assert (len(scene.inside), len(scene.browser)) == sent
        scene.centre_speaks(sample(0.2))
        marker, number, timestamp = struct.unpack("!xBHI", scene.browser[sent[1]][:8])
        assert marker & 0x80 and number == last[0] + 1 & 0xFFFF, "no packet is missing"
        assert timestamp - last[1] & 0xFFFFFFFF >= 50 * 960, "but time has passed"

    def test_before_either_has_spoken_nothing_is_sent(self) -> None:
        scene = Scene()
        for _ in range(10):
            scene.beat()
        assert not scene.inside and not scene.browser


class TestNonsense:
    def test_of_a_browser_is_counted_and_costs_nobody_anything(self) -> None:
        scene, dice = Scene(), random.Random(1)
        for number in range(400):
            kind = dice.choice((OPUS, RED, DIGITS, 13, 99))
            packet = rtp(kind, number, number * 960, BROWSER, dice.randbytes(dice.randrange(60)))
            scene.transcoder.take_browsers(packet[: dice.randrange(1, len(packet) + 1)], scene.now)
            scene.transcoder.take_insides(packet, scene.now)
            scene.beat()
        assert scene.transcoder.heard.discarded > 50
        for number in range(2):  # blocks that are older than time
            payload = red.build([RedBlock(OPUS, 16_000, b"x"), RedBlock(OPUS, 0, Opus().encode(sample(0.02)))])
            scene.transcoder.take_browsers(rtp(RED, 1000 + number, number * 960, 0xB1, payload), scene.now)
        said = sample(2.0)
        scene.inside.clear()
        assert intelligibility(said, scene.browser_speaks(said)) > 0.9


class TestAnotherPlan:
    def test_changes_what_is_spoken_and_breaks_no_stream(self) -> None:
        scene = Scene()
        scene.centre_speaks(sample(0.4))
        ssrc, number = scene.transcoder.ssrc, int.from_bytes(scene.browser[-1][2:4], "big")
        scene.transcoder.follow(Transcoding(PLAN.browser, VoiceFormat("PCMU", 0), None))
        scene.browser.clear()
        scene.copies = None
        scene.browser_speaks(sample(0.4))
        assert scene.inside[-1][1] & 0x7F == 0
        scene.centre_speaks(sample(0.2))
        assert scene.browser[0][1] & 0x7F == OPUS, "without RED"
        assert int.from_bytes(scene.browser[0][2:4], "big") == number + 1 & 0xFFFF and scene.transcoder.ssrc == ssrc


class TestReports:
    def test_to_the_browser_are_of_what_it_sent_and_is_sent(self) -> None:
        scene = Scene()
        scene.browser_speaks(sample(2.0), lambda number: number % 4 == 0)
        scene.centre_speaks(sample(0.4))
        report, description = rtcp.parse(scene.transcoder.reports(1e9, scene.now)[1])
        assert isinstance(report, SenderReport) and report.ssrc == scene.transcoder.ssrc
        assert (report.packets, description.cname) == (len(scene.browser), "call-1")
        [block] = report.blocks
        assert (block.ssrc, block.lost) == (BROWSER, 24) and 55 < block.fraction_lost < 70

    def test_to_the_inside_say_how_the_browser_is_doing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever forwards them finds the way to the browser: the reports go round as if they were its own."""
        scene, expected = Scene(), list[int]()
        scene.centre_speaks(sample(0.4))
        monkeypatch.setattr(Opus, "expect_loss", lambda coder, percent: expected.append(percent))
        theirs = SenderReport(CENTRE, 0x1234_5678_0000_0000, 0, 0, 0)
        scene.transcoder.take_insides_reports([theirs], scene.now)
        sender = rtcp.parse(scene.transcoder.reports(1e9, scene.now)[1])[0]
        assert isinstance(sender, SenderReport)
        scene.now += 0.5
        middle = sender.ntp >> 16 & 0xFFFF_FFFF
        told = ReportBlock(scene.transcoder.ssrc, 64, 12, 0, 480, middle, int(0.4 * 65536))
        scene.transcoder.take_browsers_reports([ReceiverReport(BROWSER, (told,))], scene.now)
        scene.now += 1.0
        report = rtcp.parse(scene.transcoder.reports(1e9, scene.now)[0])[0]
        assert isinstance(report, SenderReport)
        [block] = report.blocks
        assert (block.ssrc, block.lost, block.fraction_lost, block.jitter) == (CENTRE, 12, 64, 80)
        assert block.last_sr == 0x5678_0000 and abs(block.delay / 65536 - 1.4) < 0.01, "0.1 s to the browser and back"
        assert expected == [25]


def test_a_stream_that_begins_anew_under_its_ssrc_is_heard_at_once() -> None:
    """As behind a gateway that was restarted: it would be mute until its numbers were where they had been."""
    incoming, payload = Incoming(PLAN.browser, Opus()), Opus().encode(sample(0.02))
    for number in (30_000, 30_001, 29_999, 5, 6):
        incoming.take(rtp(OPUS, number, number * 960, BROWSER, payload), 0.0)
    assert (incoming.packets, incoming.discarded) == (4, 1)
