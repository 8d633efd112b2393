"""A recorder in virtual time: taps hand what they send straight to a studio on a real disk, and files are decoded."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import msgspec
import numpy as np

from splitter.calls.recording.recordings import Recordings
from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.ports.recording import RecordingTap
from splitter.media.record.about import RecordingAbout
from splitter.media.record.batch import Described, Kind
from splitter.media.record.file import hash_of
from splitter.media.record.index import RecordingRow, one
from splitter.media.record.keeper import RecordingRefused
from splitter.media.record.keys import SigningKey, read_or_make
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.process import carry_out_ask
from splitter.media.record.protocol import RecorderAnswer, RecorderAsk
from splitter.media.record.render_job import Peaks, Rendered, RenderJob
from splitter.media.record.settings import RecordingSettings
from splitter.media.record.studio import RecordingStudio
from splitter.media.record.tap import TapFeed, TapLine
from splitter.media.voice.g711 import ALAW

RATE, BLOCK = 8000, 160
UNIX = 1_700_000_000.0
ABOUT = RecordingAbout("call-1", "call", "4711", "+8613800000000", "12345", "8001", "pbx")


@dataclass
class Hand:
    """A host whose time is moved by hand; it has no ports."""

    time: float = 5000.0
    timers: list[tuple[float, object]] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return UNIX + self.time

    def call_later(self, delay_s: float, fn: object) -> Hand:
        self.timers.append((self.time + delay_s, fn))
        return self

    def cancel(self) -> None: ...

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        due = [fn for at, fn in self.timers if at <= self.time]
        self.timers = [(at, fn) for at, fn in self.timers if at > self.time]
        for fn in due:
            fn()  # type: ignore[operator]


class Stage:
    """Taps, a studio, and what became of it.

    Attributes:
        troubles: what the gateway was told.
        stuck: the recorder takes nothing now. gone: there is none.
    """

    def __init__(self, folder: Path, host: Hand | None = None, **more: object) -> None:
        self.folder = folder
        self.host = host or Hand()
        self.troubles: list[tuple[str, str]] = []
        self.key: SigningKey = read_or_make(folder.parent / "recordings.key")[0]
        self.more = more
        self.stuck = self.gone = False
        self.line = TapLine("", self.host, lambda _: None if self.gone else self)  # type: ignore[arg-type]
        self.studio = self.started()

    def started(self) -> RecordingStudio:
        return RecordingStudio(
            self.folder,
            self.key,
            lambda recording, reason: self.troubles.append((recording, reason)),
            clock=self.host.now,
            wall=self.host.wall,
            **self.more,  # type: ignore[arg-type]
        )

    def send(self, datagram: bytes) -> int:
        if self.stuck:
            raise BlockingIOError
        if self.gone:
            raise ConnectionRefusedError
        self.studio.take(datagram)
        return len(datagram)

    def close(self) -> None: ...

    def pass_time(self, seconds: float) -> None:
        self.host.pass_time(seconds)
        self.studio.tick()

    def voice(self, name: str, payload_type: int = 8, encoding: str = "PCMA", recording: str = "call-1") -> Speaker:
        spoken = ((payload_type, encoding, RATE, 1, ""),)
        return Speaker(self, self.line.open(Described(recording, name, "voice", RATE, spoken, (101,))), payload_type)

    def row(self, id: str = "call-1") -> RecordingRow:
        found = one(self.folder, id)
        assert found is not None
        return found

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*/*.mkv"))


@dataclass
class Speaker:
    """A voice that is tapped: a tone, packet by packet, by its own clock."""

    stage: Stage
    feed: TapFeed
    payload_type: int = 8
    tone_hz: float = 440.0
    ssrc: int = 0x51
    sequence: int = 65_500
    timestamp: int = 0xFFFF_F000
    said: int = 0

    def packet(self, samples: np.ndarray | None = None) -> bytes:
        if samples is None:
            at = np.arange(self.said, self.said + BLOCK)
            samples = 8000 * np.sin(2 * math.pi * self.tone_hz * at / RATE)
        data = struct.pack(
            "!BBHII", 0x80, self.payload_type, self.sequence & 0xFFFF, self.timestamp & 0xFFFF_FFFF, self.ssrc
        ) + ALAW.encode(samples.astype(np.int16))
        self.sequence += 1
        self.timestamp += BLOCK
        self.said += BLOCK
        return data

    def say(self, data: bytes | None = None, at: float | None = None) -> None:
        self.feed.put(Kind.RTP, self.stage.host.time if at is None else at, data or self.packet())

    def talk(self, seconds: float) -> None:
        for _ in range(round(seconds * RATE / BLOCK)):
            self.say()
            self.stage.pass_time(BLOCK / RATE)


@dataclass(frozen=True)
class Seen:
    """A track of a file as a player has it: the times of its frames, in seconds, and its samples or mean brightness."""

    name: str
    codec: str
    times: list[float]
    samples: np.ndarray
    brightness: list[int]


def played(path: Path) -> dict[str, Seen]:
    """Decode a file, track by track."""
    return {one.name: one for one in _played(path)}


def tracks(path: Path) -> list[Seen]:
    """Decode a file; several tracks may have one name."""
    return list(_played(path))


def _played(path: Path) -> Iterator[Seen]:
    times: dict[int, list[float]] = {}
    sound: dict[int, list[np.ndarray]] = {}
    lumas: dict[int, list[int]] = {}
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.pts is not None and packet.time_base is not None:
                times.setdefault(packet.stream.index, []).append(float(packet.pts * packet.time_base))
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    sound.setdefault(packet.stream.index, []).append(frame.to_ndarray().reshape(-1))
                elif isinstance(frame, av.VideoFrame):
                    luma = frame.to_ndarray(format="gray")
                    lumas.setdefault(packet.stream.index, []).append(int(np.median(luma)))
        for stream in file.streams:
            samples = np.concatenate(sound.get(stream.index, [np.zeros(0, np.int16)]))
            name, codec = stream.metadata.get("title", ""), stream.codec_context.name
            yield Seen(name, codec, times.get(stream.index, []), samples, lumas.get(stream.index, []))


def pitch(samples: np.ndarray, rate: int = RATE) -> float:
    """The loudest tone of some samples, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


class HandLink:
    """A recorder that does at once what it is asked. As `RecorderLink`, as far as calls know it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.fault = ""
        self.left: frozenset[str] = frozenset()
        self.asked: list[RecorderAsk] = []

    async def arrived(self) -> None: ...

    async def ask(self, ask: RecorderAsk, limit_s: float = 1.0) -> RecorderAnswer:
        if self.fault:
            raise LocalError(self.fault)
        self.tell(ask)
        return RecorderAnswer(1, states=self.stage.studio.states)

    def tell(self, ask: RecorderAsk) -> None:
        self.asked.append(ask)
        try:
            carry_out_ask(ask, self.stage.studio)
        except (RecordingRefused, OSError) as error:
            raise LocalError(str(error)) from None

    def tap(self, recording: str) -> RecordingTap:
        return RecordingTap(recording, "taps.sock")


class HandTaps:
    """Taps that are noted. `set`: by relay or room. `fault`: why none can be set."""

    def __init__(self) -> None:
        self.set: dict[str, RecordingTap | None] = {}
        self.fault = ""
        self.wanted: list[tuple[str, str]] = []

    async def key_frame(self, media_id: str, name: str) -> None:
        self.wanted.append((media_id, name))

    async def tap(self, media_id: str, tap: RecordingTap | None) -> None:
        if self.fault:
            raise MediaUnavailable(self.fault)
        self.set[media_id] = tap


def recordings_of(stage: Stage, **rules: object) -> tuple[Recordings, HandLink, HandTaps]:
    """Recordings for calls, with a recorder of this stage."""
    settings = RecordingSettings(folder=str(stage.folder), **rules)  # type: ignore[arg-type]
    link, taps = HandLink(stage), HandTaps()
    return Recordings(settings, link, taps), link, taps  # type: ignore[arg-type]


FILM, PEAKS = b"a film of bytes", Peaks(0.05, [1], [2])


def made_film(stage: Stage, id: str = "call-1", film: bytes = FILM) -> bytes:
    """Have a film made of a recording, which is made first where there is none. Returns: the film."""
    if one(stage.folder, id) is None:
        stage.studio.begin(msgspec.structs.replace(ABOUT, id=id))
        stage.studio.end(id)
    stage.studio.make_film(id)
    job = stage.studio.films.next_job()
    assert job is not None
    rendered(stage, job, film)
    return film


def rendered(stage: Stage, job: RenderJob, film: bytes = FILM) -> None:
    """Do what the process that renders does."""
    Path(job.target).write_bytes(film)
    hashed = hash_of(Path(job.target), HEAD_BYTES)
    end = Rendered("", False, 1.0, len(film), hashed, PEAKS, ("a voice is missing",))
    stage.studio.films.ended(job.recording, end)
