"""What a fork sends of pictures: as they came, or as stills."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable

import av
import numpy as np
from PIL import Image

from splitter.lab.codec import Encoder, VideoShape
from splitter.lab.picture import draw, read
from splitter.media.forward.fork_streams import KEY, annex_b
from splitter.media.forward.still_maker import StillMaker
from splitter.media.record.batch import Described
from tests.media.forward.scene import Scene, connected
from tests.patience import PATIENCE_S, until


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
        maker = StillMaker(first_limit_s=PATIENCE_S, limit_s=PATIENCE_S)
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


def annex(units: list[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)
