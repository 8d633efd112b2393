"""A forwarder whose forks go to a listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from splitter.lab.codec import Encoder, VideoShape
from splitter.lab.picture import draw
from splitter.media.forward import protocol as f
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.voice.g711 import ALAW
from splitter.rtp import packet
from tests.media.forward.kit import Hall
from tests.media.forward.listener import Connection, Listener
from tests.patience import until

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
