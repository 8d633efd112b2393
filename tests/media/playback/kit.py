"""Recordings with pictures and voices at known times, and films of them, taken apart again."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from splitter.media.playback.render import render
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.record.films import RecordingFilms
from splitter.media.record.render_job import Rendered, RenderJob
from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.shelf import RecordingShelf
from tests.media.record.kit import BLOCK, RATE, Speaker, Stage
from tests.media.room.kit import Camera
from tests.rtp.payloads import packetise

FPS = 25
STEP_S = 0.04


@dataclass
class Sender:
    """A party whose voice and picture are recorded."""

    stage: Stage
    voice: Speaker
    camera: Camera
    name: str
    sequence: int = 100
    timestamp: int = 0xFFFF_0000

    def __post_init__(self) -> None:
        self.feed = self.stage.line.open(Described("call-1", self.name, "picture", 90_000))

    def show(self, orientation: int | None = None) -> None:
        """Send one picture."""
        payloads = packetise(self.camera.picture(), 1, 1000)
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            packet = PicturePacket(self.sequence, self.timestamp & 0xFFFF_FFFF, 1, last, orientation, b"")
            self.sequence += 1
            self.feed.put(Kind.PICTURE, self.stage.host.time, batch.picture_head(packet), payload)
        self.timestamp += 90_000 // FPS

    def say(self, loud: bool) -> None:
        """Send as much voice as goes with one picture."""
        for index in range(2):
            silence = None if loud else np.zeros(BLOCK)
            self.voice.say(self.voice.packet(silence), self.stage.host.time + index * BLOCK / RATE)


def sender(stage: Stage, name: str, luma: int = 60, hz: float = 440.0, size: tuple[int, int] = (320, 240)) -> Sender:
    """A party of a call."""
    voice = stage.voice("caller" if name == "caller" else "centre")
    voice.tone_hz, voice.ssrc = hz, struct.unpack("!I", name.encode()[:4].ljust(4))[0]
    return Sender(stage, voice, Camera(luma, size), name)


def job_of(films: RecordingFilms) -> RenderJob:
    """The next job, which there must be."""
    job = films.next_job()
    assert job is not None
    return job


def filmed(stage: Stage, target: Path, keys: SealKeys | None = None) -> Rendered:
    """Render the recording of a stage."""
    stage.studio.make_film("call-1")
    job = job_of(stage.studio.films)
    return render(job, RecordingShelf(stage.folder, keys or SealKeys()), target)


@dataclass(frozen=True)
class Film:
    """A film as a player has it. `pictures`: time and luma of each; `sound`: two channels, of `rate` samples a second."""

    pictures: list[tuple[float, np.ndarray]]
    sound: np.ndarray
    rate: int

    def luma(self, at: float, cell: int) -> int:
        """The brightness of a cell at a time."""
        shown = [picture for time, picture in self.pictures if time <= at + 0.001][-1]
        return int(np.median(shown[40:380, 640 * cell + 200 : 640 * cell + 440]))

    def loud(self, begin: float, end: float, channel: int) -> float:
        """How loud a channel is between two times."""
        return float(np.abs(self.sound[channel, round(begin * self.rate) : round(end * self.rate)]).mean())

    def first_sound(self, channel: int) -> float:
        """When a channel is first heard."""
        return float(np.argmax(np.abs(self.sound[channel]) > 0.05)) / self.rate


def watched(path: Path) -> Film:
    """Decode a film."""
    pictures: list[tuple[float, np.ndarray]] = []
    sound: list[np.ndarray] = []
    with av.open(str(path)) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]
        rate = file.streams.audio[0].rate
        for packet in file.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    pictures.append((float(frame.time or 0.0), frame.to_ndarray()[: frame.height]))
                elif isinstance(frame, av.AudioFrame):
                    if not sound:  # the encoder's own begin is before its time 0
                        assert frame.pts is not None
                        sound.append(np.zeros((2, max(0, frame.pts))))
                    sound.append(frame.to_ndarray()[:, max(0, -(frame.pts or 0)) :])
    return Film(pictures, np.concatenate(sound, axis=1), rate)
