"""The process that renders: what it gives, and what becomes of a film when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from splitter.media.playback.process import carried_out
from splitter.media.record.films import FilmRules
from splitter.media.record.index import RecordingFilm
from splitter.media.record.render_queue import MachineLoad, RenderQueue, rendered_apart
from splitter.media.record.seal_keys import SealKeys, Seals, ensure_key
from splitter.media.record.source import LocalSource
from tests.media.playback.kit import job_of, sender, watched
from tests.media.record.kit import ABOUT, Stage
from tests.patience import until


def stage_with_call(tmp_path: Path, **more: object) -> Stage:
    stage = Stage(tmp_path / "recordings", **more)  # type: ignore[arg-type]
    stage.studio.begin(ABOUT)
    caller = sender(stage, "caller", 200)
    for _ in range(25):
        caller.show()
        caller.say(True)
        stage.pass_time(0.04)
    stage.studio.end("call-1")
    stage.studio.make_film("call-1")
    return stage


def film(stage: Stage) -> RecordingFilm:
    found = stage.row().film
    assert found is not None
    return found


class TestASealedRecording:
    def test_has_a_sealed_film(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("splitter.media.playback.process._limit", lambda job: None)
        file = tmp_path / "seal.key"
        ensure_key(file)
        keys = SealKeys(str(file))
        stage = stage_with_call(tmp_path, seals=Seals(keys), films=FilmRules(False, str(file)))
        job = job_of(stage.studio.films)
        done = carried_out(job)
        stage.studio.films.ended("call-1", done)
        assert film(stage).state == "ready"
        path = stage.folder / film(stage).path
        assert b"ftyp" not in path.read_bytes()[:4096] and path.stat().st_size == film(stage).size
        source = keys.plain(LocalSource(path))
        (tmp_path / "plain.mp4").write_bytes(source.read(0, source.size))
        source.close()
        assert watched(tmp_path / "plain.mp4").luma(0.5, 0) == pytest.approx(200, abs=6)


@pytest.mark.slow
class TestTheProcess:
    async def test_makes_a_film_that_a_killed_one_has_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("splitter.media.record.render_queue._LOOK_S", 0.01)
        monkeypatch.setattr("splitter.media.record.render_queue._AFTER_FAULT_S", 0.01)
        stage = stage_with_call(tmp_path)
        started: list[int] = []
        make = asyncio.create_subprocess_exec

        async def noted(*words: str, **more: object) -> asyncio.subprocess.Process:
            process = await make(*words, **more)  # type: ignore[arg-type]
            if not started:
                os.kill(process.pid, signal.SIGKILL)
            started.append(process.pid)
            return process

        monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)

        async def in_thread(work):  # type: ignore[no-untyped-def]
            return work()

        queue = asyncio.create_task(RenderQueue(stage.studio.films, in_thread, load=lambda: 0.0).run())
        await until(lambda: film(stage).state == "ready")
        queue.cancel()
        assert len(started) == 2 and film(stage).tries == 2
        assert watched(stage.folder / film(stage).path).luma(0.5, 0) == pytest.approx(200, abs=6)

    async def test_says_what_is_wrong_and_ends_within_its_limits(self, tmp_path: Path) -> None:
        stage = stage_with_call(tmp_path)
        job = job_of(stage.studio.films)
        small = await rendered_apart(replace(job, limit_bytes=2000))
        assert small.fault and small.again
        stage.files[0].write_bytes(b"no Matroska")
        spoilt = await rendered_apart(replace(job, target=f"{job.target}2"))
        assert "cannot be read" in spoilt.fault and not spoilt.again


class TestTheLoad:
    def test_is_the_share_of_processors_at_work(self, tmp_path: Path) -> None:
        source = tmp_path / "stat"
        source.write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 …\n")
        load = MachineLoad(source)
        source.write_text("cpu  130 0 110 850 10 0 0 0 0 0\n")
        assert load.look() == pytest.approx(0.4)
        source.write_text("nothing")
        assert load.look() == 1.0
