"""The fork: a real WebSocket hears both voices on one clock, in whatever form it wants them."""

from __future__ import annotations

import asyncio
import weakref
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from splitter.core.errors import LocalError
from splitter.media.forward import protocol as f
from splitter.media.forward.client import ForwarderLink
from splitter.media.forward.fork_streams import GAP
from splitter.media.forward.process import ForwarderProcess
from splitter.media.record.settings import RecordingSettings
from splitter.media.voice.codecs import VoiceDecoder
from splitter.media.voice.g711 import ALAW, Samples
from splitter.media.voice.opus import Opus
from splitter.sdp.voice import VoiceFormat
from splitter.telemetry.settings import TelemetrySettings
from tests.media.forward.listener import Listener, samples_of
from tests.media.forward.scene import CALL, Scene, connected
from tests.media.record.kit import pitch
from tests.patience import until

SPOKEN = (8, "PCMA", 8000, 1, "")


OPUS = (111, "OPUS", 48_000, 2, "")


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


def wide_coder() -> Any:
    """G.722, from 16 000 samples a second."""
    coder = av.CodecContext.create("g722", "w")
    coder.sample_rate, coder.layout, coder.format = 16_000, "mono", av.AudioFormat("s16")
    coder.open()
    return coder
