"""Recordings as evidence: whatever was changed, removed or added is found, and said in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from splitter.media.record import verify
from splitter.media.record.about import RecordedOutcome
from splitter.media.record.file import events_of, pieces_of_source
from splitter.media.record.index import NAME
from splitter.media.record.keeper import RecordingRefused
from splitter.media.record.keys import public_of, read_or_make, read_public
from splitter.media.record.ledger import RecordingLedger, folder_of
from splitter.media.record.verify import examine
from tests.media.record.kit import ABOUT, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Two recordings over two days, of which one was opened by somebody."""
    stage = Stage(tmp_path / "recordings")
    for id in ("call-1", "call-2"):
        stage.studio.begin(msgspec.structs.replace(ABOUT, id=id))
        stage.voice("caller").talk(1.0)
        if id == "call-1":
            stage.studio.keep("still", id, 1, b"a picture")
        stage.studio.end(id)
        stage.studio.enter("opened", {"recording": id, "by": "auditor"})
        stage.host.time += 90_000
    return stage


def wrong(stage: Stage) -> list[str]:
    return examine(stage.folder, read_public(public_of(stage.folder.parent / "recordings.key"))).wrong


def test_what_nobody_touched_is_right(stage: Stage) -> None:
    found = examine(stage.folder, read_public(public_of(stage.folder.parent / "recordings.key")))
    assert (found.wrong, found.unended, found.files, found.entries) == ([], [], 3, 7)


def ledger_of(stage: Stage, day: int = 0) -> Path:
    return sorted(folder_of(stage.folder).glob("*.jsonl"))[day]


def _bit(stage: Stage) -> None:
    data = bytearray(stage.files[0].read_bytes())
    data[20_000] ^= 1
    stage.files[0].write_bytes(data)


def _head(stage: Stage) -> None:
    data = bytearray(stage.files[0].read_bytes())
    data[300] ^= 1
    stage.files[0].write_bytes(data)


def _cut(stage: Stage) -> None:
    stage.files[0].write_bytes(stage.files[0].read_bytes()[:-100])


def _sql(statement: str) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        with closing(sqlite3.connect(stage.folder / NAME)) as db:
            db.execute(statement)
            db.commit()

    return change


def _entry(stage: Stage) -> None:
    path = ledger_of(stage)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((lines[0], *lines[2:])))


def _words(stage: Stage) -> None:
    path = ledger_of(stage)
    path.write_bytes(path.read_bytes().replace(b"auditor", b"nobody!"))


def _another_key(stage: Stage) -> None:
    """Somebody writes the whole ledger anew, with a key of his own."""
    key, _ = read_or_make(stage.folder.parent / "forged.key")
    path = folder_of(stage.folder)
    from splitter.media.record.ledger import lines, read_line

    entries = [entry for _, line in lines(stage.folder) if (entry := read_line(line))]
    for file in path.glob("*.jsonl"):
        file.unlink()
    forged = RecordingLedger(stage.folder, key)
    for entry in entries:
        forged.add(entry.kind, entry.about, entry.at)


def _swap(stage: Stage) -> None:
    one, other = stage.files
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def _more_in_an_entry(stage: Stage) -> None:
    """What stands there twice, or unasked, is read by people and by no check."""
    path = ledger_of(stage)
    path.write_bytes(path.read_bytes().replace(b'{"about":', b'{"about":{"by":"nobody"},"about":', 1))


def _put_back(stage: Stage) -> None:
    path = stage.files[0]
    stage.studio.keeper.delete("call-1", "me", "asked for")
    path.write_bytes(b"another")


def _released_by_hand(stage: Stage) -> None:
    stage.studio.keeper.hold("call-1", True, "me", "case 7")
    _sql("UPDATE recording SET held = 0")(stage)


def _deleted_while_held(stage: Stage) -> None:
    _released_by_hand(stage)
    stage.studio.keeper.delete("call-1", "retention", "older than 7 days")


def _events_of_none(stage: Stage) -> None:
    stage.studio.ledger.add("ended", {"recording": "call-3", "file": "2023-11-14/call-3.1.mkv", "events": ""})
    stage.studio.ledger.add("begun", {"recording": "call-3", "file": "2023-11-14/call-3.1.mkv"})
    path = stage.folder / "2023-11-14" / "call-3.1.mkv"
    path.write_bytes(b"x")
    events_of(path).write_bytes(b"{}")


def _outcome(statement: str) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        stage.studio.conclude("call", RecordedOutcome("answered", "both", "refused", "caller hung up"))
        assert wrong(stage) == []
        _sql(statement)(stage)

    return change


CASES: dict[str, tuple[Callable[[Stage], object], str]] = {
    "one bit": (_bit, "call-1.1.mkv: the file was changed"),
    "a bit of the head": (_head, "call-1.1.mkv: the file was changed in its head"),
    "the end of a file": (_cut, "the file was changed: it had"),
    "a file removed": (lambda stage: stage.files[0].unlink(), "call-1.1.mkv: the file is missing"),
    "a file added": (
        lambda stage: stage.files[0].with_name("call-9.1.mkv").write_bytes(b"x"),
        "call-9.1.mkv: the file was added",
    ),
    "events changed": (
        lambda stage: events_of(stage.files[0]).write_bytes(b"{}"),
        "call-1.1.mkv: its events were changed",
    ),
    "files swapped": (_swap, "call-2.1.mkv: the file was changed"),
    "a row deleted": (
        _sql("DELETE FROM recording WHERE id = 'call-1'"),
        "recording call-1: its row in the index was deleted",
    ),
    "a row changed": (_sql("UPDATE recording SET caller = '+1'"), "caller is '+1', and was '+8613800000000'"),
    "a row added": (
        _sql(
            "INSERT INTO recording SELECT 'call-7',call_id,short_code,caller,called,agent,route,direction,began,ended,state,reason,held FROM recording LIMIT 1"
        ),
        "recording call-7: its row in the index was added",
    ),
    "a file's row deleted": (
        _sql("DELETE FROM part WHERE recording = 'call-1'"),
        "call-1.1.mkv: its row in the index was deleted",
    ),
    "an entry taken out": (_entry, "the chain is cut: 1 entries before it are missing"),
    "an entry changed": (_words, "(opened): it was changed"),
    "a day taken out": (lambda stage: ledger_of(stage).unlink(), "the chain is cut: 4 entries before it are missing"),
    "a screenshot changed": (
        lambda stage: next(stage.folder.glob("*/*.png")).write_bytes(b"other"),
        "call-1.still-1.png: the screenshot was changed",
    ),
    "a screenshot removed": (
        lambda stage: next(stage.folder.glob("*/*.png")).unlink(),
        "call-1.still-1.png: the screenshot is missing",
    ),
    "a screenshot added": (
        lambda stage: stage.files[0].with_name("call-1.still-9.png").write_bytes(b"x"),
        "call-1.still-9.png: the file was added",
    ),
    "something added to an entry": (_more_in_an_entry, "something was added to it that was not signed"),
    "a deleted file put back": (_put_back, "call-1.1.mkv: the ledger says that it was deleted, and it is there"),
    "a hold taken away": (
        _released_by_hand,
        "recording call-1: its row in the index was changed: it is not held, and was",
    ),
    "a hold made up": (_sql("UPDATE recording SET held = 1"), "was changed: it is held, and was not"),
    "deleted while it was held": (_deleted_while_held, "recording call-1: it was deleted while it was held"),
    "events added": (_events_of_none, "call-3.1.mkv: its events were added"),
    "an outcome changed": (
        _outcome("UPDATE concluded SET consent = 'accepted'"),
        "call call: how it ended was changed in the index",
    ),
    "an outcome deleted": (_outcome("DELETE FROM concluded"), "how it ended was deleted in the index"),
    "an outcome added": (
        _sql("INSERT INTO concluded VALUES ('call', 'answered', 'both', '', '')"),
        "how it ended was added in the index",
    ),
    "the key swapped": (_another_key, "signed with another key"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_done_is_found(stage: Stage, case: str) -> None:
    deed, words = CASES[case]
    deed(stage)
    assert any(words in one for one in wrong(stage)), wrong(stage)


@pytest.mark.parametrize("about", [{"file": "x.mkv", "files": 5}, {"files": [{}]}, {"file": "x.mkv", "size": "much"}])
@pytest.mark.parametrize("kind", ["begun", "ended", "deleted", "still"])
def test_entries_that_no_recorder_writes_break_neither_the_look_nor_the_next_recorder(
    stage: Stage, kind: str, about: dict[str, object]
) -> None:
    (stage.folder / "x.mkv").write_bytes(b"x")
    entry = {"number": 8, "at": 1.0, "kind": kind, "about": about, "previous": "", "key": ""}
    with ledger_of(stage, -1).open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
    assert any("entry 8" in one for one in wrong(stage))
    stage.started()


class TestWhatGoesOnMeanwhile:
    """A look takes hours where there is much, and calls are recorded, moved and deleted all the while."""

    @pytest.fixture(autouse=True)
    def slow(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
        """Work that is done while the first file is looked at."""
        work: list[Callable[[], object]] = []

        def looking(*args: object) -> object:
            while work:
                work.pop(0)()
            return pieces_of_source(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(verify, "pieces_of_source", looking)
        return work

    def test_is_no_fault(self, stage: Stage, slow: list[Callable[[], object]]) -> None:
        studio = stage.studio
        slow += [
            lambda: studio.begin(msgspec.structs.replace(ABOUT, id="call-3")),
            lambda: studio.keep("still", "call-3", 1, b"a picture"),
            lambda: studio.end("call-3"),
            lambda: studio.begin(msgspec.structs.replace(ABOUT, id="call-4")),
            lambda: studio.keeper.delete("call-2", "me", "asked for"),
            lambda: studio.keeper.hold("call-1", True, "me", "case 7"),
            lambda: studio.enter("moved", {"recording": "call-1", "files": ["2023-11-14/call-1.still-1.png"]}),
            lambda: next(stage.folder.glob("*/call-1.still-1.png")).unlink(),
        ]
        assert wrong(stage) == [] and not slow

    def test_hides_nothing(self, stage: Stage, slow: list[Callable[[], object]]) -> None:
        slow += [lambda: stage.files[1].unlink(), lambda: stage.studio.enter("opened", {"recording": "call-1"})]
        assert [one for one in wrong(stage) if "missing" in one]


def test_the_place_of_a_change_in_a_long_file_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "recordings")
    stage.studio.begin(ABOUT)
    caller = stage.voice("caller")
    for _ in range(8000):
        caller.say()
        stage.host.pass_time(0.02)
    stage.studio.end("call-1")
    data = bytearray(stage.files[0].read_bytes())
    data[1_200_000] ^= 0x10
    stage.files[0].write_bytes(data)
    assert wrong(stage)[0].endswith("the file was changed between bytes 1064960 and " + str(len(data)))


def test_a_deletion_is_known_and_no_fault(stage: Stage) -> None:
    stage.studio.keeper.delete("call-1", "the operator", "asked by the caller")
    assert wrong(stage) == [] and not list(stage.folder.glob("*/call-1.*"))
    kinds = folder_of(stage.folder)
    assert b"asked by the caller" in b"".join(path.read_bytes() for path in kinds.glob("*.jsonl"))


def test_a_writer_that_was_killed_in_a_line_is_no_fault(stage: Stage) -> None:
    with ledger_of(stage, -1).open("ab") as file:
        file.write(b'{"number":8,"at":1')
    stage.studio = stage.started()
    stage.studio.enter("opened", {"by": "auditor"})
    assert wrong(stage) == []


@pytest.mark.parametrize("fails", ["fsync", "write"])
def test_an_entry_that_the_disk_did_not_take_cuts_no_chain_and_leaves_no_stranger(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """The screenshot that it is of goes with it."""
    stage.studio.begin(msgspec.structs.replace(ABOUT, id="call-3"))
    real = getattr(os, fails)

    def broken(fd: int, *more: object) -> object:
        if Path(f"/proc/self/fd/{fd}").readlink().suffix == ".jsonl":
            raise OSError(28, "No space left on device")
        return real(fd, *more)

    with monkeypatch.context() as patched:
        patched.setattr(os, fails, broken)
        with pytest.raises(OSError, match="No space"):
            stage.studio.keep("still", "call-3", 1, b"a picture")
    stage.studio.keep("still", "call-3", 1, b"a picture")
    stage.studio.end("call-3")
    assert wrong(stage) == []


def test_a_recording_that_cannot_begin_leaves_no_stranger(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("splitter.media.record.file.os.pwrite", full)
        with pytest.raises(RecordingRefused, match="No space"):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id="call-3"))
    assert wrong(stage) == [] and not list(stage.folder.glob("*/call-3.*"))


def test_a_line_that_somebody_has_spoilt_is_one(stage: Stage) -> None:
    path = ledger_of(stage)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((lines[0], b"spoilt\n", *lines[2:])))
    assert any("cannot be read" in one for one in wrong(stage))


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    from splitter.core.errors import LocalError

    read_or_make(tmp_path / "k.key")
    (tmp_path / "k.key").chmod(0o644)
    with pytest.raises(LocalError, match="chmod 600"):
        read_or_make(tmp_path / "k.key")


def test_what_a_killed_recorder_left_and_somebody_changed_is_told(tmp_path: Path) -> None:
    """Its pieces were hashed as they were written."""
    stage = Stage(tmp_path / "recordings")
    stage.studio.begin(ABOUT)
    caller = stage.voice("caller")
    for _ in range(8000):
        caller.say()
        stage.host.pass_time(0.02)
    stage.pass_time(0.3)
    data = bytearray(stage.files[0].read_bytes())
    data[200_000] ^= 1
    stage.files[0].write_bytes(data)
    stage.studio = stage.started()
    assert "piece 0 is not as it was written" in stage.row().reason
