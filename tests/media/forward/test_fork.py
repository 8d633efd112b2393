"""The fork: a real WebSocket hears both voices and sees the picture; one that does not keep up misses media, not calls."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import ssl
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from PIL import Image

from splitter.core.errors import LocalError
from splitter.lab.codec import Encoder, VideoShape
from splitter.lab.picture import draw, read
from splitter.media.forward import protocol as f
from splitter.media.forward.client import ForwarderLink
from splitter.media.forward.fork import MediaFork
from splitter.media.forward.fork_queue import ForkFrame, ForkQueue
from splitter.media.forward.fork_streams import GAP, KEY, annex_b
from splitter.media.forward.process import ForwarderProcess
from splitter.media.forward.still_maker import StillMaker
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.record.settings import RecordingSettings
from splitter.media.voice.codecs import VoiceDecoder
from splitter.media.voice.g711 import ALAW, Samples
from splitter.media.voice.opus import Opus
from splitter.rtp import packet
from splitter.sdp.voice import VoiceFormat
from splitter.telemetry.settings import TelemetrySettings
from tests.media.forward.kit import Hall
from tests.media.forward.listener import Connection, Listener, samples_of
from tests.media.record.kit import pitch
from tests.patience import PATIENCE_S, until

SPOKEN = (8, "PCMA", 8000, 1, "")
OPUS = (111, "OPUS", 48_000, 2, "")
CALL = {"id": "c", "caller": "+86138"}


class Scene:
    """A forwarder whose forks go to a listener. `hall`: it, and its taps."""

    def __init__(self, listener: Listener) -> None:
        self.listener, self.hall = listener, Hall()
        self.said = self.shown = self.sent = 0

    def begin(self, pictures: str = "none", paused: bool = False, url: str = "", **more: Any) -> None:
        to = f.ForkPlace(url or self.listener.url, "secret", pictures=pictures, **more)
        assert self.hall.ask(f.ForkRecording("c-1", to, CALL, paused)).fault == ""

    def voice(self, name: str, *encodings: tuple[int, str, int, int, str]) -> str:
        """A tap on a voice; one that names no encodings carries G.711."""
        rate = encodings[0][2] if encodings else 8000
        return self.hall.describe(Described("c-1", name, "voice", rate, encodings, (101,)))

    def talk(self, tones: dict[str, float], blocks: int) -> None:
        for _ in range(blocks):
            for name, tone_hz in tones.items():
                at = np.arange(self.said * 160, (self.said + 1) * 160)
                samples = (8000 * np.sin(2 * np.pi * tone_hz * at / 8000)).astype(np.int16)
                self.speak(name, ALAW.encode(samples))
            self.said += 1
            self.hall.now += 0.02

    def speak(self, name: str, payload: bytes, payload_type: int = 8, step: int = 160) -> None:
        one = packet.Packet(False, payload_type, self.said & 0xFFFF, self.said * step, 7, payload)
        self.hall.piece(name, Kind.RTP, packet.build(one))

    def show(self, pictures: str, count: int, keys: int, sender: int = 3) -> None:
        """Send so many pictures, twelve a second, each of `keys` a key frame; they lie on their side."""
        coder = Encoder(VideoShape())
        for index in range(self.shown, self.shown + count):
            units = coder.encode(draw(sender, index, index * 80), index * 7500, (index - self.shown) % keys == 0)
            for unit in units:
                head = batch.picture_head(PicturePacket(self.sent, index * 7500, 1, unit is units[-1], 1, b""))
                self.hall.piece(pictures, Kind.PICTURE, head + unit)
                self.sent += 1
            self.hall.now += 1 / 12
        self.shown += count

    @property
    def seen(self) -> list[f.ForkSeen]:
        return [one.fork for one in self.hall.told if one.fork is not None]

    @property
    def dropped(self) -> int:
        """Frames that were dropped by now."""
        self.hall.forwarder.send_reports()
        return self.seen[-1].dropped

    @property
    def last(self) -> Connection:
        return self.listener.connections[-1]

    def end(self, reason: str = "the caller hung up") -> None:
        self.hall.ask(f.EndFork("c-1", reason))


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    one = Listener()
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def scene(listener: Listener) -> AsyncIterator[Scene]:
    one = Scene(listener)
    yield one
    one.hall.forwarder.close()
    await one.hall.stills.finish()


async def connected(scene: Scene) -> None:
    await until(lambda: scene.listener.connections and scene.last.said("start"))


class TestWhatIsHeard:
    async def test_both_voices_on_one_clock(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.begin()
        centre = scene.voice("centre", SPOKEN)
        await connected(scene)
        scene.talk({caller: 1000.0, centre: 660.0}, 100)
        scene.hall.ask(f.TellFork("c-1", "muted", {"is": ["caller"]}, {**CALL, "agent": "8001"}))
        scene.end()
        await until(lambda: scene.last.said("stop"))
        one = scene.last
        (start,) = one.said("start")
        assert one.token == "Bearer secret"
        assert (start["version"], start["recording"], start["call"], start["again"]) == (1, "c-1", CALL, 0)
        streams = one.streams()
        numbers = {stream["name"]: id for id, stream in streams.items()}
        assert streams[0] == {
            "id": 0,
            "name": "caller",
            "kind": "voice",
            "format": "pcm_s16le",
            "rate": 8000,
            "channels": 1,
        }
        assert [round(pitch(samples_of(one.of(numbers[name]))), -1) for name in ("caller", "centre")] == [1000, 660]
        times = [frame[3] for frame in one.of(numbers["caller"])]
        assert times == [frame[3] for frame in one.of(numbers["centre"])] == [20_000 * at for at in range(100)]
        (event,) = one.said("event")
        assert (event["what"], event["more"], event["time"]) == ("muted", {"is": ["caller"]}, 2_000_000)
        assert one.said("stop") == [{"type": "stop", "reason": "the caller hung up", "sent": 200, "dropped": 0}]
        words = {seen.words for seen in scene.seen if seen.state is f.ForkState.SENT}
        assert len(words) == 1 and "hidden" not in words.pop()

    async def test_order_and_losses_but_no_keys(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.begin()
        for number, kind in ((0, 8), (2, 8), (1, 8), (3, 101), (5, 8), (9, 8)):
            scene.said = number
            scene.speak(caller, bytes((number,)) * 160, kind)
            scene.hall.now += 0.02
        scene.hall.now += 0.1
        scene.said = 10
        scene.speak(caller, bytes((10,)) * 160)
        scene.end()
        await connected(scene)
        await until(lambda: scene.last.said("stop"))
        expected = [ALAW.decode(bytes((number,)) * 160).astype("<i2").tobytes() for number in (0, 1, 2, 5)]
        frames = scene.last.of(0)
        assert [frame[4] for frame in frames[:4]] == expected
        assert [bool(frame[1] & GAP) for frame in frames[:4]] == [False, False, False, True]

    @pytest.mark.parametrize("back", [-2500, 0x10000 - 1500])
    async def test_a_voice_whose_numbers_fall_back_is_heard_at_once(self, scene: Scene, back: int) -> None:
        """A phone began anew under its SSRC; or a pause was long."""
        caller = scene.voice("caller")
        scene.begin()
        await connected(scene)
        scene.said = 5000
        scene.talk({caller: 500.0}, 5)
        scene.said += back
        scene.hall.now += 60.0
        scene.talk({caller: 500.0}, 5)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert len(scene.last.frames) == 10

    async def test_opus_and_what_nobody_can_decode(self, scene: Scene) -> None:
        wide = scene.voice("caller", OPUS)
        other = scene.voice("centre", (96, "EVS", 16_000, 1, ""))
        scene.begin()
        coder = Opus()
        for block in range(50):
            at = np.arange(block * 160, block * 160 + 160)
            tone = (8000 * np.sin(2 * np.pi * 500 * at / 8000)).astype(np.int16)
            scene.speak(wide, coder.encode(tone), 111, 960)
            scene.speak(other, b"whatever", 96)
            scene.said += 1
            scene.hall.now += 0.02
        scene.end()
        await connected(scene)
        await until(lambda: scene.last.said("stop"))
        assert round(pitch(samples_of(scene.last.of(0))), -1) == 500
        assert scene.last.said("unavailable") == [{"type": "unavailable", "stream": 1, "encoding": "EVS"}]

    async def test_what_was_spoken_wide_is_heard_wide(self, scene: Scene) -> None:
        coder = wide_coder()
        caller = scene.voice("caller", (9, "G722", 8000, 1, ""), (8, "PCMA", 8000, 1, ""))
        scene.begin(rate=16_000)
        await connected(scene)
        for _ in range(60):
            at = np.arange(scene.said * 320, (scene.said + 1) * 320)
            block = (8000 * np.sin(2 * np.pi * 6000 * at / 16_000)).astype(np.int16)
            made = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
            made.sample_rate = 16_000
            scene.speak(caller, b"".join(bytes(one) for one in coder.encode(made)), 9)
            scene.said += 1
            scene.hall.now += 0.02
        scene.talk({caller: 1000.0}, 60)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert [one["stream"].get("band") for one in scene.last.said("stream")] == [None, "wide", "narrow"]
        assert {stream["rate"] for stream in scene.last.streams().values()} == {16_000}
        samples = samples_of(scene.last.of(0))
        assert {len(frame[4]) for frame in scene.last.frames} == {640}
        tones = [round(pitch(samples[320 * at : 320 * at + 16_000], 16_000), -1) for at in (5, 65)]
        assert tones == [6000, 1000]

    async def test_whoever_changes_codecs_with_each_packet_is_told_of_now_and_then(self, scene: Scene) -> None:
        caller = scene.voice("caller", (9, "G722", 8000, 1, ""), (8, "PCMA", 8000, 1, ""))
        scene.begin(rate=16_000)
        await connected(scene)
        for number in range(99):
            scene.speak(caller, bytes(160), 8 + number % 2)
            scene.said += 1
            scene.hall.now += 0.02
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert len(scene.last.said("stream")) <= 1 + 2

    async def test_whoever_negotiates_again_and_again_fills_no_memory(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = weakref.WeakSet[VoiceDecoder]()

        class Decoder:
            def decode(self, payload: bytes | memoryview) -> Samples:
                return np.zeros(160, np.float32)

        def made(format: VoiceFormat) -> VoiceDecoder:
            if format.encoding == "EVS":
                raise LocalError("nobody can")
            kept.add(one := Decoder())
            return one

        monkeypatch.setattr("splitter.media.forward.fork_streams.decoder_of", made)
        scene.begin()
        await connected(scene)
        for number in range(99):
            caller = scene.voice("caller", (8, "PCMA", 8000, 1, f"x={number}"), (9, "EVS", 16_000, 1, f"x={number}"))
            for payload_type in (8, 9):
                scene.speak(caller, bytes(160), payload_type)
                scene.said += 1
                scene.hall.now += 0.02
        assert 0 < len(kept) <= 16
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert len(scene.last.said("unavailable")) == 1 and len(scene.last.frames) == 99

    async def test_one_side_alone(self, scene: Scene) -> None:
        caller, centre = scene.voice("caller"), scene.voice("centre")
        scene.begin(voices="centre")
        await connected(scene)
        scene.talk({caller: 1000.0, centre: 660.0}, 20)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert [one["name"] for one in scene.last.streams().values()] == ["centre"]
        assert len(scene.last.frames) == 20

    async def test_one_stream_too_many_is_told(self, scene: Scene) -> None:
        scene.begin()
        for number in range(34):
            scene.voice(f"phone-{number}")
            scene.voice(f"phone-{number}")
        await connected(scene)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert len(scene.last.streams()) == 32
        assert [(one["name"], one["limit"]) for one in scene.last.said("left-out")] == [
            ("phone-32", 32),
            ("phone-33", 32),
        ]
        scene.hall.forwarder.send_reports()
        assert max(seen.left_out for seen in scene.seen) == 2

    async def test_nothing_while_paused(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.begin()
        await connected(scene)
        scene.talk({caller: 500.0}, 5)
        await until(lambda: len(scene.last.frames) == 5)
        scene.begin(paused=True)
        scene.talk({caller: 500.0}, 50)
        scene.begin()
        scene.talk({caller: 500.0}, 5)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert [one["what"] for one in scene.last.said("event")] == ["paused", "resumed"]
        assert len(scene.last.frames) == 10 and len(scene.listener.connections) == 1


class TestWhatIsSeen:
    async def test_the_callers_picture_is_whole_and_turned(self, scene: Scene) -> None:
        picture = scene.hall.describe(Described("c-1", "caller", "picture", 90_000))
        scene.hall.describe(Described("c-1", "desk-1", "picture", 90_000))
        scene.begin("caller")
        scene.show(picture, 10, 10)
        scene.end()
        await connected(scene)
        await until(lambda: scene.last.said("stop"))
        streams = scene.last.streams()
        assert [one["name"] for one in streams.values()] == ["caller"] and streams[0]["format"] == "h264-annexb"
        assert [frame[1] & KEY for frame in scene.last.frames] == [KEY] + [0] * 9
        assert {frame[2] for frame in scene.last.frames} == {90}
        decoder = av.CodecContext.create("h264", "r")
        shown = [one for frame in scene.last.frames for one in decoder.decode(av.Packet(frame[4]))] + list(
            decoder.decode(None)
        )
        readings = [read(one.to_ndarray(format="gray").astype(np.uint8)) for one in shown]
        assert [(one.sender, one.counter) for one in readings if one is not None] == [(3, at) for at in range(10)]
        assert next(one.key_frame_of for one in scene.hall.told if one.key_frame_of) == "caller"

    async def test_stills_of_key_frames_now_and_then(self, scene: Scene) -> None:
        picture = scene.hall.describe(Described("c-1", "caller", "picture", 90_000))
        scene.begin("caller", stills="only", still_every_s=2.0)
        await connected(scene)
        for count in (1, 1, 2):  # each begins with a key frame, which is not due the second time
            scene.show(picture, 14, 14)
            await until(lambda count=count: len(scene.last.frames) >= count)  # type: ignore[misc]
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert scene.last.streams() == {0: {"id": 0, "name": "caller", "kind": "still", "format": "jpeg"}}
        assert [frame[:3] for frame in scene.last.frames] == [(0, KEY, 90)] * 2
        pictures = [np.asarray(Image.open(io.BytesIO(frame[4])).convert("L")) for frame in scene.last.frames]
        readings = [read(one) for one in pictures]
        assert [(one.sender, one.counter) for one in readings if one is not None] == [(3, 0), (3, 28)]
        assert round((scene.last.frames[1][3] - scene.last.frames[0][3]) / 1e6, 1) == 2.3

    async def test_a_still_is_asked_for_and_one_that_cannot_be_made_is_counted(self, scene: Scene) -> None:
        made: list[Callable[[bytes], None]] = []
        scene.hall.stills.ask = lambda key_frame, done: len(made) < 2 and not made.append(done)  # type: ignore[assignment]
        picture = scene.hall.describe(Described("c-1", "caller", "picture", 90_000))
        scene.begin("caller", stills="too", still_every_s=1.0)
        await connected(scene)
        wanted = len([one for one in scene.hall.told if one.key_frame_of])
        scene.show(picture, 60, 100)
        again = len([one for one in scene.hall.told if one.key_frame_of]) - wanted
        assert len(made) == 1 and again == 0, "one is made, and no other one is wanted before it"
        made[0](b"")
        scene.show(picture, 30, 100)
        assert len([one for one in scene.hall.told if one.key_frame_of]) - wanted == 1
        scene.show(picture, 1, 1)
        made[1](b"")
        scene.show(picture, 40, 10)
        assert scene.dropped == 2, "none is tried as soon again where two have failed"
        scene.show(picture, 20, 10)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        dropped = [frames for one in scene.last.said("dropped") for frames in one["frames"].items()]
        assert {number for number, _ in dropped} == {"1"} and sum(count for _, count in dropped) >= 3
        assert {frame[0] for frame in scene.last.frames} == {0}

    async def test_nothing_of_a_picture_that_was_paused_meanwhile(self, scene: Scene) -> None:
        made: list[Callable[[bytes], None]] = []
        scene.hall.stills.ask = lambda key_frame, done: not made.append(done)  # type: ignore[assignment]
        picture = scene.hall.describe(Described("c-1", "caller", "picture", 90_000))
        scene.begin("caller", stills="only")
        await connected(scene)
        scene.show(picture, 3, 100)
        scene.begin("caller", paused=True, stills="only")
        scene.begin("caller", stills="only")
        made[0](b"a card")
        scene.end()
        await until(lambda: scene.last.said("stop"))
        assert scene.last.frames == []

    async def test_a_process_that_fails_costs_one_still(self) -> None:
        made: list[bytes] = []
        maker, key_frame = StillMaker("this"), Encoder(VideoShape()).encode(draw(3, 0, 0), 0, True)
        assert maker.ask(b"", made.append)
        await until(lambda: len(made) == 1)
        await maker.finish()
        maker = StillMaker()
        assert maker.ask(b"no picture", made.append) and maker.ask(annex(key_frame), made.append)
        assert not maker.ask(bytes(5 << 20), made.append)
        taken = [maker.ask(bytes(4 << 20), lambda still: None) for _ in range(9)]
        assert 6 < sum(taken) < 9, "they take no more memory than this"
        await until(lambda: len(made) == 3)
        await maker.finish()
        assert made[:2] == [b"", b""] and made[2][:2] == b"\xff\xd8"

    def test_a_process_that_hangs_does_not_outlive_who_has_begun_it_for_long(self) -> None:
        words = (
            "import time; from splitter.media.stills import process, still;"
            " process.ALONE_S = 1; still.still_of = lambda key_frame: time.sleep(600); process.main()"
        )
        done = subprocess.run([sys.executable, "-c", words], input=b"\0\0\0\1x", timeout=PATIENCE_S, check=False)
        assert done.returncode == -signal.SIGALRM

    def test_units_get_start_codes(self) -> None:
        assert annex_b(b"\0\0\0\2ab\0\0\0\1c") == b"\0\0\0\1ab\0\0\0\1c"


class TestWhoDoesNotKeepUp:
    async def test_misses_media_and_hears_how_many(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.listener.reads.clear()
        scene.begin()
        await until(lambda: scene.listener.connections)
        for _ in range(600):  # more than the kernel's buffers hold
            scene.talk({caller: 500.0}, 100)
            await asyncio.sleep(0)
            if scene.dropped > 500:
                break
        assert scene.dropped > 500
        scene.listener.reads.set()
        await until(lambda: scene.last.said("dropped"))
        scene.end()
        await until(lambda: scene.last.said("stop"))
        told = sum(count for one in scene.last.said("dropped") for count in one["frames"].values())
        (stop,) = scene.last.said("stop")
        assert told == stop["dropped"] and stop["sent"] == len(scene.last.frames)
        assert stop["sent"] + stop["dropped"] == scene.said

    async def test_is_called_again_where_it_hangs_up(self, scene: Scene) -> None:
        caller = scene.voice("caller")
        scene.listener.hang_up_after = 3
        scene.begin()
        await connected(scene)
        scene.talk({caller: 500.0}, 3)
        await until(lambda: any(one.state is f.ForkState.DOWN for one in scene.seen))
        scene.listener.hang_up_after = 0
        scene.hall.ask(f.TellFork("c-1", "showing", {"is": "desk-1"}, {**CALL, "agent": "8001"}))
        await until(lambda: len(scene.listener.connections) == 2 and scene.last.said("start"))
        scene.talk({caller: 500.0}, 4)
        scene.end()
        await until(lambda: scene.last.said("stop"))
        (start,) = scene.last.said("start")
        assert start["again"] == 1 and start["call"]["agent"] == "8001" and len(start["streams"]) == 1
        assert [one["what"] for one in scene.last.said("event")] == ["showing"]
        assert len(scene.last.frames) == 4

    @pytest.mark.parametrize(
        ("status", "words"), [(403, "it answers 403"), (0, "annot connect"), (101, "no WebSocket")]
    )
    async def test_is_tried_again_where_it_refuses(self, scene: Scene, status: int, words: str) -> None:
        scene.listener.refuses = status
        scene.begin(url="" if status else "ws://127.0.0.1:9/calls")
        await until(lambda: scene.seen[-1].state is f.ForkState.DOWN)
        assert words in scene.seen[-1].words and "hidden" not in scene.seen[-1].words
        scene.end()

    async def test_is_not_followed_to_where_it_sends_us(self, scene: Scene, listener: Listener) -> None:
        """There, voices might go in clear."""
        other = Listener()
        await other.start()
        listener.sends_to = other.url.replace("ws:", "http:")
        scene.begin()
        await until(lambda: scene.seen[-1].state is not f.ForkState.OPENING)
        assert scene.seen[-1].state is f.ForkState.DOWN and "it answers 302" in scene.seen[-1].words
        assert not other.connections
        scene.end()
        await other.stop()

    async def test_says_too_much(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.forward.fork_sender._SAID_AT_ONCE", 100)
        monkeypatch.setattr("splitter.media.forward.fork_sender._SAID_S", PATIENCE_S)  # a slow machine says little
        scene.listener.chatters = True
        scene.begin()
        await until(lambda: scene.seen[-1].state is f.ForkState.DOWN)
        assert scene.seen[-1].words.endswith("it says too much")
        scene.end()

    async def test_leaves_no_connection_behind_where_it_reads_nothing(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("splitter.media.forward.fork_sender._LAST_S", 0.05)
        monkeypatch.setattr("splitter.media.forward.fork_sender._STUCK_S", 3.0)
        caller = scene.voice("caller")
        scene.listener.reads.clear()
        scene.begin()
        await until(lambda: scene.listener.connections)
        while scene.dropped == 0:
            scene.talk({caller: 500.0}, 100)
            await asyncio.sleep(0)
        port = urlsplit(scene.listener.url).port
        assert scene.seen[-1].sent * 332 < 2 << 20, "the kernel holds minutes of voice"
        assert connections_to(port) == 1
        scene.end()
        await until(lambda: not connections_to(port))

    async def test_costs_others_nothing_where_its_media_are_a_fault_of_ours(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caller, centre = scene.voice("caller"), scene.voice("centre")
        scene.begin()
        await connected(scene)

        def take(fork: MediaFork, what: Described, piece: batch.TapPiece) -> None:
            raise RuntimeError("a fault")

        monkeypatch.setattr(MediaFork, "take", take)
        scene.talk({caller: 500.0, centre: 500.0}, 1)
        assert scene.hall.forwarder.unknown == 0, "the rest of a datagram is of other calls"

    async def test_certificates_are_read_once_for_many(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[str] = []

        def create(cafile: str | None = None) -> ssl.SSLContext:
            read.append(str(cafile))
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

        monkeypatch.setattr("ssl.create_default_context", create)
        to = f.ForkPlace("wss://127.0.0.1:9/", ca="/authorities.pem")
        for number in range(5):
            scene.hall.ask(f.ForkRecording(f"c-{number}", to, CALL))
            await until(lambda: scene.seen[-1].state is f.ForkState.DOWN)
            scene.hall.ask(f.EndFork(f"c-{number}"))
        assert read == ["/authorities.pem"]

    async def test_ends_with_its_call_though_nobody_reads(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.forward.fork_sender._LAST_S", 0.05)
        caller = scene.voice("caller")
        scene.listener.reads.clear()
        scene.begin()
        await until(lambda: scene.listener.connections)
        while scene.dropped == 0:
            scene.talk({caller: 500.0}, 100)
            await asyncio.sleep(0)
        scene.end()
        await until(lambda: scene.seen[-1].state is f.ForkState.ENDED)
        assert scene.seen[-1].dropped > 0

    async def test_hears_the_end_of_a_forwarder_that_stops(self, scene: Scene) -> None:
        scene.voice("caller")
        scene.begin()
        await connected(scene)
        await scene.hall.forwarder.finish()
        await until(lambda: scene.last.said("stop"))


class TestOtherSettings:
    async def test_have_calls_that_live_sent_there_instead(self, scene: Scene, listener: Listener) -> None:
        scene.voice("caller")
        scene.begin()
        await connected(scene)
        to = f.ForkPlace(listener.url, "another")
        scene.hall.ask(f.ForkRecording("c-1", to, {**CALL, "agent": "8001"}))
        await until(lambda: len(listener.connections) == 2 and scene.last.said("start"))
        first, second = listener.connections
        assert second.token == "Bearer another" and second.said("start")[0]["call"]["agent"] == "8001"
        assert len(second.said("start")[0]["streams"]) == 1
        await until(lambda: first.said("stop"))
        await until(lambda: scene.seen[-1].state is f.ForkState.SENT)
        assert f.ForkState.ENDED not in {one.state for one in scene.seen}
        scene.end()
        await until(lambda: second.said("stop"))

    async def test_without_a_receiver_end_what_was_sent_to_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nobody: list[f.ForkRecording | f.EndFork] = []
        link = ForwarderLink(
            RecordingSettings(),
            tmp_path,
            TelemetrySettings(),
            "127.0.0.1",
            lambda: None,
            lambda recording, reason: None,
            lambda recording, lines: None,
            lambda recording, number: None,
        )
        monkeypatch.setattr(link, "tell", nobody.append)
        process = ForwarderProcess(tmp_path, "127.0.0.1", 60.0)
        await process.start()
        process.forwarder.carry_out(f.ForwarderCall(0, f.ForkRecording("c-1", f.ForkPlace("ws://127.0.0.1:9/"), CALL)))
        link.start()
        await until(lambda: not link.fault)
        link.leave()
        await until(lambda: not any("_serve" in str(task.get_coro()) for task in asyncio.all_tasks()))
        await process.close()
        assert [one.recording for one in nobody if isinstance(one, f.EndFork)] == ["c-1"]


def annex(units: list[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def wide_coder() -> Any:
    """G.722, from 16 000 samples a second."""
    coder = av.CodecContext.create("g722", "w")
    coder.sample_rate, coder.layout, coder.format = 16_000, "mono", av.AudioFormat("s16")
    coder.open()
    return coder


def connections_to(port: int | None) -> int:
    """How many connections to a port on this machine this process has."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    theirs = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(f":{port:04X}")}
    return sum(_target(path) in theirs for path in Path("/proc/self/fd").iterdir())


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # closed meanwhile
        return ""


class TestQueue:
    def test_a_picture_that_gives_way_takes_its_followers_along(self) -> None:
        queue = ForkQueue(lambda: None, 1000)
        goes_on = [queue.put(ForkFrame(1, at in (0, 6), bytes((at,)) * 200)) for at in range(9)]
        assert queue.waiting_bytes <= 1000
        kept = [one[0] for one in iter(queue.pop, None) if isinstance(one, bytes)]
        assert False in goes_on[:6] and goes_on[6:] == [True] * 3
        assert kept[-3:] == [6, 7, 8] and 0 not in kept

    def test_words_stay_in_order_and_are_not_without_end(self) -> None:
        queue = ForkQueue(lambda: None)
        for number in range(600):
            queue.say({"n": number})
        numbers = [json.loads(str(one))["n"] for one in iter(queue.pop, None)]
        assert numbers == list(range(100, 600)) and queue.lost_words == 100
