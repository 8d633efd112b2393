"""A call through the real gateway, forked to a WebSocket: both tones and the caller's picture, over a restart."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

from splitter.lab.handset import HandsetSettings
from splitter.lab.picture import read
from splitter.lab.stage import CALLED, Stage
from splitter.lab.video import VideoSettings
from tests.media.forward.listener import Connection, Listener, samples_of
from tests.media.record.kit import pitch
from tests.patience import until

pytestmark = pytest.mark.interop

CALLER, CALLER_HZ, AGENT_HZ = 1, 1000.0, 660.0
TABLES = """
[fork]
url = "{url}"
token = "secret"
wideband = true
pictures = "caller"
stills = "too"
still_every_s = 2
insecure = true

[recording]
all = true
"""


def came(one: Connection, kind: str) -> int:
    """Frames of a kind so far."""
    return sum(len(one.of(id)) for id, stream in one.streams().items() if stream["kind"] == kind)


async def test_voices_and_the_picture_reach_who_listens_over_a_restart() -> None:
    listener = Listener()
    await listener.start()
    try:
        async with Stage(queue_s=0.3, tables=TABLES.format(url=listener.url)) as stage:
            handset = await stage.handset(HandsetSettings(video=VideoSettings(CALLER), tone_hz=CALLER_HZ))
            assert (await handset.dial(CALLED, stage.gateway.access).answered()).accepted
            await until(lambda: listener.connections and len(listener.connections[0].frames) > 300)
            await stage.gateway.kill()
            await stage.gateway.start()
            (one,) = listener.connections
            count = len(one.frames)
            await until(lambda: len(one.frames) > count + 200)
            await until(lambda: came(one, "still") > 1 and came(one, "picture") > 30)
            await handset.hang_up()
            await until(lambda: one.said("stop"))
        assert len(listener.connections) == 1 and one.token == "Bearer secret"
        streams = one.streams()
        assert not one.said("unavailable")
        tones = {}
        for id, stream in streams.items():
            if stream["kind"] == "voice":
                assert one.of(id), one.words
                tones[stream["name"]] = round(pitch(samples_of(one.of(id))[-32_000:], 16_000), -1)
        assert tones == {"caller": CALLER_HZ, "centre": AGENT_HZ}
        (picture,) = [id for id, stream in streams.items() if stream["kind"] == "picture"]
        decoder = av.CodecContext.create("h264", "r")
        shown = [made for frame in one.of(picture) for made in decoder.decode(av.Packet(frame[4]))]
        readings = [read(made.to_ndarray(format="gray").astype(np.uint8)) for made in shown]
        (still,) = [id for id, stream in streams.items() if stream["kind"] == "still"]
        looked = [read(np.asarray(Image.open(io.BytesIO(frame[4])).convert("L"))) for frame in one.of(still)]
        assert {reading.sender for reading in looked if reading is not None} == {CALLER} and len(looked) > 1
        assert {reading.sender for reading in readings if reading is not None} == {CALLER} and len(readings) > 12
    finally:
        await listener.stop()
