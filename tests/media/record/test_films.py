"""Which films are made, and what becomes of them: over deaths, faults, deletions and changes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from splitter.media.record.films import TRIES, FilmRules
from splitter.media.record.index import RecordingFilm, RecordingQuery, search
from splitter.media.record.keeper import RecordingRefused
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.process import carry_out_ask
from splitter.media.record.protocol import KeepPdf
from splitter.media.record.render_job import Rendered
from splitter.media.record.space import SpaceLimits
from splitter.media.record.verify import examine
from tests.media.playback.kit import job_of
from tests.media.record.kit import ABOUT, FILM, Stage, rendered


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path / "recordings")
    recorded(stage)
    return stage


def recorded(stage: Stage) -> None:
    stage.studio.begin(ABOUT)
    stage.voice("caller").talk(0.5)
    stage.studio.end("call-1")


def film(stage: Stage) -> RecordingFilm:
    found = stage.row().film
    assert found is not None
    return found


def wrong(stage: Stage) -> list[str]:
    return examine(stage.folder, read_public(public_of(stage.folder.parent / "recordings.key"))).wrong


def kinds(stage: Stage) -> list[str]:
    return [entry.kind for _, line in lines(stage.folder) if (entry := read_line(line)) is not None]


class TestAFilm:
    def test_that_was_asked_for_is_made_and_signed(self, stage: Stage) -> None:
        assert stage.studio.films.next_job() is None, "nobody has asked"
        stage.studio.make_film("call-1")
        assert film(stage).state == "waiting"
        job = job_of(stage.studio.films)
        assert film(stage).state == "rendering" and stage.studio.films.next_job() is None
        rendered(stage, job)
        assert (film(stage).state, film(stage).reason) == ("ready", "a voice is missing")
        assert (stage.folder / film(stage).path).read_bytes() == FILM
        assert wrong(stage) == [] and kinds(stage)[-1] == "rendered"

    def test_is_made_of_all_recordings_where_it_is_so_set_those_first_that_were_asked_for(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path / "recordings", films=FilmRules(everything=True))
        for number in range(3):
            stage.studio.begin(type(ABOUT)(f"call-{number}", "call"))
            stage.pass_time(1.0)
            stage.studio.end(f"call-{number}")
        stage.studio.make_film("call-0")
        done = []
        for _ in range(3):
            done.append(job_of(stage.studio.films).recording)
        assert done == ["call-0", "call-2", "call-1"]

    def test_is_not_made_while_its_call_is_recorded(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        stage.studio.make_film("call-1")
        assert stage.studio.films.next_job() is None
        stage.studio.end("call-1")
        assert len(job_of(stage.studio.films).parts) == 2

    def test_that_was_being_made_when_the_recorder_died_is_made_anew(self, stage: Stage) -> None:
        stage.studio.make_film("call-1")
        left = Path(job_of(stage.studio.films).target)
        left.write_bytes(b"half a film")
        stage.studio = stage.started()
        assert not left.exists() and film(stage).state == "waiting"
        rendered(stage, job_of(stage.studio.films))
        assert film(stage).state == "ready" and wrong(stage) == []

    def test_that_cannot_be_made_is_tried_some_times_and_then_said_to_have_failed(self, stage: Stage) -> None:
        stage.studio.make_film("call-1")
        for _ in range(TRIES):
            job = job_of(stage.studio.films)
            Path(job.target).write_bytes(b"half a film")
            stage.studio.films.ended("call-1", Rendered("its process ended by signal 11", again=True))
        assert (film(stage).state, film(stage).reason) == ("failed", "its process ended by signal 11")
        assert stage.studio.films.next_job() is None and wrong(stage) == []
        stage.studio.make_film("call-1")
        assert film(stage).state == "waiting", "somebody asks again"

    def test_of_a_call_that_is_recorded_again_is_made_anew(self, stage: Stage) -> None:
        stage.studio.make_film("call-1")
        rendered(stage, job_of(stage.studio.films))
        recorded(stage)
        assert film(stage).state == "waiting"
        rendered(stage, job_of(stage.studio.films))
        assert film(stage).state == "ready" and wrong(stage) == []

    def test_that_the_disk_does_not_take_is_tried_again(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.studio.make_film("call-1")
        rendered(stage, job_of(stage.studio.films))
        recorded(stage)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("splitter.media.record.ledger.os.fsync", full)
            rendered(stage, job_of(stage.studio.films))
        assert (film(stage).state, film(stage).reason) == ("waiting", "it cannot be kept: No space left on device")
        assert wrong(stage) == [], "the one of before is as it was"
        rendered(stage, job_of(stage.studio.films))
        assert film(stage).state == "ready" and wrong(stage) == []

    def test_leaves_room_for_recordings_and_for_other_films(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = Stage(tmp_path / "recordings", films=FilmRules(everything=True), limits=SpaceLimits(1 << 30))
        free = SimpleNamespace(f_bavail=3 << 30, f_frsize=1)
        monkeypatch.setattr("splitter.media.record.space.os.statvfs", lambda _: free)
        for number in range(3):
            stage.studio.begin(type(ABOUT)(f"call-{number}", "call"))
            stage.studio.end(f"call-{number}")
        limits = [job_of(stage.studio.films).limit_bytes for _ in range(3)]
        assert limits == [1 << 30, 1 << 29, 1 << 28]

    @pytest.mark.parametrize("meanwhile", [False, True])
    def test_goes_with_its_recording(self, stage: Stage, meanwhile: bool) -> None:
        stage.studio.make_film("call-1")
        job = job_of(stage.studio.films)
        if not meanwhile:
            rendered(stage, job)
        stage.studio.keeper.delete("call-1", "me", "asked for")
        if meanwhile:
            rendered(stage, job)
        assert [path.name for path in stage.folder.glob("20*/*")] == []
        assert stage.row().film is None and wrong(stage) == []
        with pytest.raises(RecordingRefused):
            stage.studio.make_film("call-1")


class TestVerify:
    def test_finds_what_became_of_a_film(self, stage: Stage) -> None:
        stage.studio.make_film("call-1")
        rendered(stage, job_of(stage.studio.films))
        path = stage.folder / film(stage).path
        path.write_bytes(b"a folm")
        assert wrong(stage) == [f"{film(stage).path}: the film was changed"]
        path.unlink()
        assert wrong(stage) == [f"{film(stage).path}: the film is missing"]

    def test_finds_one_that_nobody_has_made(self, stage: Stage) -> None:
        stage.files[0].with_name("call-1.mp4").write_bytes(FILM)
        assert "the file was added" in wrong(stage)[0]


class TestBeside:
    def test_screenshots_and_photos_stand_in_the_index(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        stage.studio.keep("still", "call-1", 1, b"a picture")
        stage.studio.keep("photo", "call-1", 1, b"a photo")
        stage.studio.keep("photo", "call-1", 1, b"again")
        carry_out_ask(KeepPdf("call-1", 2, b"a PDF"), stage.studio)
        stage.studio.end("call-1")
        (row,) = search(stage.folder, RecordingQuery())
        assert [(one.number, one.kind, one.size) for one in row.beside] == [
            (1, "still", 9),
            (2, "photo", 7),
            (3, "pdf", 5),
        ]
        assert wrong(stage) == []
        (stage.folder / row.beside[1].path).write_bytes(b"another")
        assert "was changed" in wrong(stage)[0]
