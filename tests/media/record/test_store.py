"""Recordings in a store: moved there when they have ended, never lost on the way, played and checked as if here."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from splitter.core.errors import LocalError
from splitter.media.record.index import NAME
from splitter.media.record.keeper import RecordingRefused
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.mover import MoveNotesInTurn, RecordingMover
from splitter.media.record.place import StorePlace
from splitter.media.record.seal_keys import SealKeys, Seals, add_key
from splitter.media.record.shelf import RecordingShelf
from splitter.media.record.store import S3Store, StoreFault
from splitter.media.record.stored import to_remove
from splitter.media.record.turns import InTurn
from splitter.media.record.verify import examine
from tests.media.record.kit import ABOUT, FILM, Stage, made_film

WHERE = "s3://evidence/gateway-1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def place(endpoint: str, tmp_path: Path) -> StorePlace:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = one\naws_secret_access_key = other\n")
    client = _client(endpoint)
    client.create_bucket(Bucket="evidence")
    for found in client.list_objects_v2(Bucket="evidence").get("Contents", ()):
        client.delete_object(Bucket="evidence", Key=found["Key"])
    return StorePlace(WHERE, endpoint, "us-east-1", str(file))


@cache
def _client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="one", aws_secret_access_key="other"
    )


class Moved:
    """A folder of two recordings that have ended, and the mover of it."""

    def __init__(self, folder: Path, place: StorePlace, seals: Seals | None = None) -> None:
        self.place, self.stage = place, Stage(folder, seals=seals)
        self.troubles: list[str] = []
        for id in ("call-1", "call-2"):
            self.stage.studio.begin(msgspec.structs.replace(ABOUT, id=id))
            self.stage.voice("caller").talk(1.0)
            if id == "call-1":
                self.stage.studio.keep("still", id, 1, b"a picture")
            self.stage.studio.end(id)
        self.before = {path.name: path.read_bytes() for path in self.stage.folder.glob("*-*-*/*")}
        self.store = S3Store(place)
        self.mover = self.next_mover()

    def next_mover(self, store: object = None) -> RecordingMover:
        notes = MoveNotesInTurn(InTurn(lambda work: work()), self.stage.studio.keeper, WHERE)
        return RecordingMover(self.stage.folder, store or self.store, notes, self.troubles.append)  # type: ignore[arg-type]

    @property
    def here(self) -> list[str]:
        return sorted(path.name for path in self.stage.folder.glob("*-*-*/*"))

    def wrong(self, keys: SealKeys | None = None) -> list[str]:
        shelf = RecordingShelf(self.stage.folder, keys or SealKeys(), self.place)
        return examine(
            self.stage.folder, read_public(public_of(self.stage.folder.parent / "recordings.key")), shelf
        ).wrong


@pytest.fixture
def moved(tmp_path: Path, place: StorePlace) -> Moved:
    return Moved(tmp_path / "recordings", place)


def test_all_of_a_recording_is_moved_and_read_as_if_it_were_here(moved: Moved) -> None:
    assert moved.mover.step() and not moved.mover.step()
    assert moved.here == [] and {Path(path).name for path in moved.store.paths()} == set(moved.before)
    shelf = RecordingShelf(moved.stage.folder, SealKeys(), moved.place)
    (part,) = moved.stage.row().parts
    with closing(shelf.open(part.path)) as source:
        whole = moved.before["call-1.1.mkv"]
        assert source.size == len(whole)
        for at, length in ((0, 5), (1000, 3000), (200, 10), (len(whole) - 3, 100)):
            assert source.read(at, length) == whole[at : at + length]
    entries = [entry for _, line in lines(moved.stage.folder) if (entry := read_line(line)) is not None]
    assert [entry.about["to"] for entry in entries if entry.kind == "moved"] == [WHERE, WHERE]
    assert moved.wrong() == []


def test_sealed_ones_as_well(tmp_path: Path, place: StorePlace) -> None:
    add_key(tmp_path / "seal.key")
    keys = SealKeys(str(tmp_path / "seal.key"))
    moved = Moved(tmp_path / "recordings", place, Seals(keys))
    moved.mover.step()
    with closing(RecordingShelf(moved.stage.folder, keys, place).open(moved.stage.row().parts[0].path)) as source:
        assert source.read(0, 4) == b"\x1a\x45\xdf\xa3" and source.read(20_000, 10)
    assert moved.here == [] and moved.wrong() == []


def test_what_is_being_made_stays(moved: Moved) -> None:
    moved.stage.studio.begin(msgspec.structs.replace(ABOUT, id="call-3"))
    moved.mover.step()
    assert [name for name in moved.here if name.endswith(".mkv")] == ["call-3.1.mkv"]


def test_a_long_one_goes_in_parts(moved: Moved, tmp_path: Path) -> None:
    file = tmp_path / "long"
    file.write_bytes(os.urandom(9 << 20))
    moved.store.put("2026-01-01/long.mkv", file)
    assert moved.store.size("2026-01-01/long.mkv") == 9 << 20
    found = _client(moved.place.endpoint).head_object(Bucket="evidence", Key="gateway-1/2026-01-01/long.mkv")
    assert found["ETag"].strip('"').endswith("-2")
    assert (
        moved.store.read("2026-01-01/long.mkv", (8 << 20) - 5, 10) == file.read_bytes()[(8 << 20) - 5 : (8 << 20) + 5]
    )


class TestAStoreOfAnotherKind:
    """It knows less of S3 than it should: that is said, and neither endless nor a fault of ours."""

    class Client:
        def __init__(self, more: dict[str, object]) -> None:
            self.more = more

        def get_object(self, **asked: str) -> dict[str, object]:
            return {"Body": io.BytesIO(b"all of it, whatever range was asked for")}

        def list_objects_v2(self, **asked: str) -> dict[str, object]:
            return {"Contents": [{"Key": "gateway-1/a.mkv"}], "IsTruncated": True, **self.more}

    def store(self, place: StorePlace, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]) -> S3Store:
        monkeypatch.setattr("boto3.Session.client", lambda *_, **__: self.Client(more))
        return S3Store(place)

    def test_gives_no_ranges(self, place: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(StoreFault, match="whole files"):
            self.store(place, monkeypatch, {}).read("a.mkv", 5, 10)

    @pytest.mark.parametrize("more", [{}, {"NextContinuationToken": "once more"}])
    def test_does_not_say_where_its_list_goes_on(
        self, place: StorePlace, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]
    ) -> None:
        with pytest.raises(StoreFault, match="where its list goes on"):
            list(self.store(place, monkeypatch, more).paths())


class Faulty:
    """A store that is down, or keeps something else."""

    def __init__(self, store: S3Store) -> None:
        self.store, self.down, self.spoils = store, True, False

    def put(self, path: str, file: Path) -> None:
        if self.down:
            raise StoreFault("the store of recordings: connection refused")
        if self.spoils:
            file = file.with_suffix(".spoilt")
            file.write_bytes(b"something else")
        self.store.put(path, file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_a_store_that_is_down_costs_nothing_and_is_tried_again(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = Faulty(moved.store)
    mover, waits = moved.next_mover(faulty), []

    def wait(timeout: float) -> bool:
        waits.append(timeout)
        if len(waits) == 6:
            faulty.down = False
        if len(waits) > 7:
            mover.close()
        return False

    monkeypatch.setattr(mover, "wait", wait)
    mover.run()
    assert waits[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]  # a minute, in all
    assert moved.troubles == ["the store of recordings: connection refused", ""]
    assert moved.here == [] and moved.wrong() == []


def test_what_the_store_keeps_otherwise_is_not_deleted_here(moved: Moved) -> None:
    faulty = Faulty(moved.store)
    faulty.down, faulty.spoils = False, True
    with pytest.raises(LocalError, match="is not in the store as it was put there"):
        moved.next_mover(faulty).step()
    assert set(moved.before) <= set(moved.here)


def test_a_mover_that_was_killed_before_it_deleted_is_followed_by_one_that_does(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", _killed)
        with pytest.raises(KeyboardInterrupt):
            moved.mover.step()
    assert "call-1.1.mkv" in moved.here
    after = moved.next_mover()
    after.clean()
    after.step()
    assert moved.here == [] and moved.wrong() == []


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_one_that_somebody_changed_stays_for_people_to_look_at(moved: Moved) -> None:
    path = moved.stage.files[0]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    moved.mover.step()
    assert [name for name in moved.here if name.endswith(".mkv")] == ["call-1.1.mkv"]
    assert any("call-1.1.mkv: the file was changed" in one for one in moved.wrong())


class TestFilms:
    @pytest.fixture
    def filmed(self, moved: Moved) -> Moved:
        """Recordings that were moved, and the film of one that was made then."""
        moved.mover.step()
        made_film(moved.stage)
        return moved

    def names(self, moved: Moved) -> set[str]:
        return {Path(path).name for path in moved.store.paths()} - set(moved.before)

    def test_follow_their_recordings_and_are_read_as_if_they_were_here(self, filmed: Moved) -> None:
        assert filmed.mover.step() and not filmed.mover.step()
        assert filmed.here == [] and self.names(filmed) == {"call-1.mp4", "call-1.peaks.json"}
        film = filmed.stage.row().film
        assert film is not None and film.state == "ready"
        with closing(RecordingShelf(filmed.stage.folder, SealKeys(), filmed.place).open(film.path)) as source:
            assert (source.size, source.read(2, 4)) == (len(FILM), FILM[2:6])
        assert filmed.wrong() == []

    def test_go_with_them(self, filmed: Moved) -> None:
        filmed.mover.step()
        filmed.stage.studio.keeper.hold("call-1", True, "the judge", "case 7")
        with pytest.raises(RecordingRefused, match="held"):
            filmed.stage.studio.keeper.delete("call-1", "retention", "")
        filmed.stage.studio.keeper.hold("call-1", False, "the judge", "")
        filmed.stage.studio.keeper.delete("call-1", "retention", "")
        filmed.next_mover().step()
        assert self.names(filmed) == set() and filmed.wrong() == []

    def test_that_are_made_anew_take_the_place_of_those_before(self, filmed: Moved) -> None:
        filmed.mover.step()
        filmed.stage.studio.begin(ABOUT)
        filmed.stage.studio.end("call-1")
        made_film(filmed.stage, film=b"the second film")
        filmed.next_mover().clean()
        assert "call-1.mp4" in filmed.here, "the store has another one"
        filmed.mover.step()
        assert filmed.here == []
        path = filmed.stage.row().film.path
        assert filmed.store.read(path, 0, 99) == b"the second film" and filmed.wrong() == []

    def test_that_are_made_anew_in_place_of_one_that_somebody_changed_are_moved(self, filmed: Moved) -> None:
        (filmed.stage.folder / filmed.stage.row().film.path).write_bytes(b"another film")
        assert not filmed.mover.step() and "call-1.mp4" in filmed.here
        filmed.stage.studio.begin(ABOUT)
        filmed.stage.studio.end("call-1")
        made_film(filmed.stage, film=b"the second film")
        filmed.mover.step()
        assert filmed.here == [] and self.names(filmed) > {"call-1.mp4", "call-1.peaks.json"}

    def test_that_are_outdated_on_their_way_are_not_taken_for_the_next_ones(
        self, filmed: Moved, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put = filmed.store.put

        def put_late(path: str, file: Path) -> None:
            put(path, file)
            if path.endswith(".json"):
                filmed.stage.studio.begin(ABOUT)
                filmed.stage.studio.end("call-1")
                made_film(filmed.stage, film=b"the second film")

        monkeypatch.setattr(filmed.store, "put", put_late)
        filmed.mover.step()
        assert "call-1.mp4" in filmed.here
        monkeypatch.undo()
        filmed.mover.step()
        assert filmed.here == [] and filmed.wrong() == []
        assert filmed.store.read(filmed.stage.row().film.path, 0, 99) == b"the second film"

    def test_whose_mover_was_killed_before_it_deleted_them_are_deleted_by_the_next_one(
        self, filmed: Moved, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", _killed)
            with pytest.raises(KeyboardInterrupt):
                filmed.mover.step()
        assert "call-1.mp4" in filmed.here
        after = filmed.next_mover()
        after.clean()
        after.step()
        assert filmed.here == [] and filmed.wrong() == []

    def test_that_somebody_changed_are_found_in_the_store_too(self, filmed: Moved) -> None:
        filmed.mover.step()
        _put(filmed, filmed.stage.row().film.path, b"another film")
        assert any("call-1.mp4: the film was changed" in one for one in filmed.wrong())


class TestDeletion:
    def test_reaches_the_store_even_if_it_is_down_meanwhile(self, moved: Moved) -> None:
        moved.mover.step()
        moved.stage.studio.keeper.delete("call-1", "the operator", "asked by the caller")
        assert to_remove(moved.stage.folder, 100)
        moved.next_mover().step()  # another life of the recorder
        assert {Path(path).name.partition(".")[0] for path in moved.store.paths()} == {"call-2"}
        assert moved.wrong() == [] and not to_remove(moved.stage.folder, 100)

    def test_of_what_is_half_way_leaves_nothing_there(self, moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(moved.store, "size", _killed)
            with pytest.raises(KeyboardInterrupt):
                moved.mover.step()
        assert list(moved.store.paths())
        for id in ("call-1", "call-2"):
            moved.stage.studio.keeper.delete(id, "the operator", "")
        moved.next_mover().step()
        assert list(moved.store.paths()) == [] and moved.here == []

    def test_is_not_for_what_is_held(self, moved: Moved) -> None:
        moved.mover.step()
        moved.stage.studio.keeper.hold("call-1", True, "the judge", "case 7")
        with pytest.raises(Exception, match="held"):
            moved.stage.studio.keeper.delete("call-1", "retention", "")
        assert any("call-1" in path for path in moved.store.paths())


def _bit(moved: Moved) -> None:
    path = next(path for path in moved.store.paths() if path.endswith("call-1.1.mkv"))
    data = bytearray(moved.before["call-1.1.mkv"])
    data[20_000] ^= 1
    _put(moved, path, bytes(data))


def _put(moved: Moved, path: str, data: bytes) -> None:
    _client(moved.place.endpoint).put_object(Bucket="evidence", Key=f"gateway-1/{path}", Body=data)


def _remove(end: str) -> Callable[[Moved], None]:
    return lambda moved: moved.store.remove(next(path for path in moved.store.paths() if path.endswith(end)))


CASES: dict[str, tuple[Callable[[Moved], object], str]] = {
    "one bit": (_bit, "call-1.1.mkv: the file was changed"),
    "a file removed": (_remove("call-1.1.mkv"), "the file is missing: it was moved to the store, and is not there"),
    "events removed": (_remove("call-2.1.events.jsonl"), "call-2.1.mkv: its events are missing"),
    "a screenshot removed": (_remove(".png"), "call-1.still-1.png: the screenshot is missing"),
    "a file added": (
        lambda moved: _put(moved, "2023-01-01/call-9.1.mkv", b"x"),
        "call-9.1.mkv: the file was added to the store",
    ),
    "a row deleted": (
        lambda moved: _sql(moved, "DELETE FROM recording WHERE id = 'call-2'"),
        "recording call-2: its row in the index was deleted",
    ),
}


def _sql(moved: Moved, statement: str) -> None:
    with closing(sqlite3.connect(moved.stage.folder / NAME)) as db:
        db.execute(statement)
        db.commit()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("sealed", [False, True])
def test_what_was_done_in_the_store_is_found(tmp_path: Path, place: StorePlace, case: str, sealed: bool) -> None:
    add_key(tmp_path / "seal.key")
    moved = Moved(tmp_path / "recordings", place, Seals(SealKeys(str(tmp_path / "seal.key"))) if sealed else None)
    moved.mover.step()
    deed, words = CASES[case]
    deed(moved)
    assert any(words in one for one in moved.wrong()), moved.wrong()


def test_a_store_that_does_not_answer_proves_nothing(moved: Moved) -> None:
    moved.mover.step()
    moved.place = StorePlace(WHERE, "http://127.0.0.1:9", "us-east-1", moved.place.credentials)
    assert any("was not looked at: the store of recordings" in one for one in moved.wrong())
