"""Sealed recordings: nothing of them is plain on the disk, any range opens with the key, and a crash costs little."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import av
import pytest

from splitter.core.errors import LocalError
from splitter.media.record.events import read_events
from splitter.media.record.file import events_of
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.seal import HEADER_BYTES, FileSeal
from splitter.media.record.seal_keys import SealKeys, Seals, add_key, ensure_key, read_keys
from splitter.media.record.source import LocalSource
from splitter.media.record.unsealing import unseal_file
from splitter.media.record.verify import examine
from tests.media.record.kit import ABOUT, RATE, Speaker, Stage

KMS = """#!/bin/sh
# a key service of three lines: it turns the bytes around
test -e "$0.down" && { echo "no service" >&2; exit 3; }
base64 -d | LC_ALL=C tr '\\000-\\377' '\\200-\\377\\000-\\177' | base64 -w0
"""


@pytest.fixture
def keys(tmp_path: Path) -> SealKeys:
    ensure_key(tmp_path / "seal.key")
    return SealKeys(str(tmp_path / "seal.key"))


@pytest.fixture
def stage(tmp_path: Path, keys: SealKeys) -> Stage:
    return Stage(tmp_path / "recordings", seals=Seals(keys))


def plain(path: Path, keys: SealKeys) -> bytes:
    source = keys.plain(LocalSource(path))
    try:
        return source.read(0, source.size)
    finally:
        source.close()


def seconds(data: bytes) -> float:
    with av.open(io.BytesIO(data)) as file:
        frames = [frame for packet in file.demux(audio=0) for frame in packet.decode()]
    return sum(frame.samples for frame in frames if isinstance(frame, av.AudioFrame)) / RATE


def wrong(stage: Stage) -> list[str]:
    return examine(stage.folder, read_public(public_of(stage.folder.parent / "recordings.key"))).wrong


def recorded(stage: Stage, length: float = 3.0) -> Speaker:
    stage.studio.begin(ABOUT)
    caller = stage.voice("caller")
    caller.talk(length)
    stage.studio.keep("still", "call-1", 1, b"\x89PNG a picture")
    stage.pass_time(0.3)
    return caller


class TestASealedRecording:
    def test_opens_with_its_key_and_shows_nothing_without(self, stage: Stage, keys: SealKeys) -> None:
        recorded(stage)
        stage.studio.end("call-1")
        opened = plain(stage.files[0], keys)
        assert seconds(opened) == pytest.approx(3.0, abs=0.05)
        lying = stage.files[0].read_bytes()
        for trace in (b"matroska", ABOUT.caller.encode(), b"PNG", opened[30_000:30_040]):
            assert trace not in lying
        events = events_of(stage.files[0]).read_bytes()
        assert b'"begun"' not in events and b'"begun"' in read_events(events, keys)
        (still,) = stage.folder.glob("*/*.png")
        assert b"PNG" not in still.read_bytes() and plain(still, keys) == b"\x89PNG a picture"
        assert wrong(stage) == []  # which takes no key

    @pytest.mark.parametrize("at", [0, 100, HEAD_BYTES - 5, HEAD_BYTES, 40_000, 48_900])
    def test_gives_any_range(self, stage: Stage, keys: SealKeys, at: int) -> None:
        recorded(stage)
        stage.studio.end("call-1")
        whole, source = plain(stage.files[0], keys), keys.plain(LocalSource(stage.files[0]))
        for length in (1, 10, 20_000, 1 << 20):
            assert source.read(at, length) == whole[at : at + length]
        source.close()

    def test_that_a_killed_recorder_left_opens_up_to_there(self, stage: Stage, keys: SealKeys) -> None:
        recorded(stage, 2.0)
        assert seconds(plain(stage.files[0], keys)) > 1.6
        stage.studio = stage.started()
        assert wrong(stage) == []
        with stage.files[0].open("ab") as file:
            file.truncate(stage.files[0].stat().st_size - 7)  # the power went, in the middle of a write
        assert seconds(plain(stage.files[0], keys)) > 0.5

    def test_that_the_disk_would_not_take_is_hashed_as_it_is(
        self, stage: Stage, keys: SealKeys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caller = recorded(stage, 2.0)
        real, left = os.pwrite, [9000]

        def full(fd: int, data: bytes, at: int) -> int:
            if not left[0]:
                raise OSError(28, "No space left on device")
            part = data[: left[0]]
            left[0] -= len(part)
            return real(fd, part, at)

        monkeypatch.setattr("splitter.media.record.file.os.pwrite", full)
        caller.talk(2.0)
        monkeypatch.undo()
        assert stage.troubles == [("call-1", "it cannot be written: No space left on device")]
        stage.pass_time(1.1)
        assert stage.row().state == "stopped" and stage.row().parts[0].size == stage.files[0].stat().st_size
        assert wrong(stage) == [] and seconds(plain(stage.files[0], keys)) > 0.9

    @pytest.mark.parametrize("at", [HEADER_BYTES + 50, HEADER_BYTES + HEAD_BYTES + 200, 30])
    def test_whose_bits_were_changed_is_not_played(self, stage: Stage, keys: SealKeys, at: int) -> None:
        recorded(stage)
        stage.studio.end("call-1")
        data = bytearray(stage.files[0].read_bytes())
        data[at] ^= 1
        stage.files[0].write_bytes(data)
        with pytest.raises(LocalError):
            plain(stage.files[0], keys)
        assert any("call-1.1.mkv: the file was changed" in one for one in wrong(stage))

    def test_whose_parts_changed_places_is_not_played(self, keys: SealKeys) -> None:
        seal = FileSeal(keys.make())
        swapped = seal.header + seal.chunk(2, bytes(16_384)) + seal.chunk(1, bytes(16_384))
        with pytest.raises(LocalError, match="part 1 cannot be opened"):
            _plain_of(swapped, keys).read(0, 10)


class Lying:
    """Bytes to read from."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, at: int, length: int) -> bytes:
        return self.data[at : at + length]

    def close(self) -> None: ...


def _plain_of(data: bytes, keys: SealKeys) -> Lying:
    return keys.plain(Lying(data))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "data", [b"SPLSEAL1", b"SPLSEAL1\xff\xff", b"SPLSEAL1\0\1\xc0" + bytes(1100), os.urandom(2000)]
)
def test_what_only_looks_sealed_is_an_answer_in_words(keys: SealKeys, data: bytes) -> None:
    if data.startswith(b"SPL"):
        with pytest.raises(LocalError):
            _plain_of(data, keys)
    else:
        assert _plain_of(data, keys).read(0, 5000) == data


class TestKeys:
    def test_of_before_open_what_they_have_sealed(self, stage: Stage, keys: SealKeys, tmp_path: Path) -> None:
        recorded(stage)
        stage.studio.end("call-1")
        first = keys.make().name
        new = add_key(tmp_path / "seal.key")
        assert keys.make().name == new != first
        again = SealKeys(str(tmp_path / "seal.key"))
        assert seconds(plain(stage.files[0], again)) == pytest.approx(3.0, abs=0.05)

    def test_that_are_others_say_so(self, stage: Stage, keys: SealKeys, tmp_path: Path) -> None:
        recorded(stage)
        stage.studio.end("call-1")
        ensure_key(tmp_path / "other.key")
        with pytest.raises(LocalError, match=r"is sealed with key .* which is not here"):
            plain(stage.files[0], SealKeys(str(tmp_path / "other.key")))
        with pytest.raises(LocalError, match="is not here"):
            plain(stage.files[0], SealKeys())

    def test_that_others_may_read_are_refused(self, keys: SealKeys, tmp_path: Path) -> None:
        (tmp_path / "seal.key").chmod(0o640)
        with pytest.raises(LocalError, match="chmod 600"):
            Seals(keys)
        (tmp_path / "seal.key").chmod(0o600)
        (tmp_path / "seal.key").write_text("too short\n")
        with pytest.raises(LocalError, match="32 bytes"):
            read_keys(tmp_path / "seal.key")

    def test_are_added_to_a_file_whose_last_line_has_no_end(self, tmp_path: Path) -> None:
        file = tmp_path / "some.keys"
        first = add_key(file)
        file.write_bytes(file.read_bytes().rstrip(b"\n"))
        second = add_key(file)
        assert list(read_keys(file)) == [first, second]

    def test_are_made_anew_each_day(self, keys: SealKeys) -> None:
        now = [0.0]
        seals = Seals(keys, lambda: now[0])
        first = seals.current
        seals.make()
        assert seals.current == first
        now[0] = 90_000.0
        seals.make()
        for thread in [one for one in threading.enumerate() if one.name == "seal"]:
            thread.join()
        assert seals.current != first


class TestAKeyService:
    @pytest.fixture
    def command(self, tmp_path: Path) -> Path:
        path = tmp_path / "kms"
        path.write_text(KMS)
        path.chmod(0o755)
        return path

    def test_wraps_and_unwraps(self, tmp_path: Path, command: Path) -> None:
        keys = SealKeys(command=str(command))
        stage = Stage(tmp_path / "recordings", seals=Seals(keys))
        recorded(stage)
        stage.studio.end("call-1")
        assert seconds(plain(stage.files[0], SealKeys(command=str(command)))) == pytest.approx(3.0, abs=0.05)

    def test_that_is_down_says_why_and_costs_what_is_sealed_nothing(self, tmp_path: Path, command: Path) -> None:
        keys = SealKeys(command=str(command))
        seals = Seals(keys)
        (tmp_path / "kms.down").touch()
        with pytest.raises(LocalError, match="seal_command wrap failed: no service"):
            keys.make()
        seals.renew()
        assert seals.make().header  # with the key of before


def test_files_and_events_are_written_out_plain(stage: Stage, keys: SealKeys, tmp_path: Path) -> None:
    recorded(stage)
    stage.studio.end("call-1")
    for file in (stage.files[0], events_of(stage.files[0])):
        unseal_file(file, tmp_path / file.name, keys)
    assert seconds((tmp_path / "call-1.1.mkv").read_bytes()) == pytest.approx(3.0, abs=0.05)
    assert b'"begun"' in (tmp_path / "call-1.1.events.jsonl").read_bytes()
    with pytest.raises(FileExistsError):
        unseal_file(stage.files[0], tmp_path / "call-1.1.mkv", keys)
    data = bytearray(stage.files[0].read_bytes())
    data[-1] ^= 1
    data[20_000] ^= 1
    stage.files[0].write_bytes(data)
    with pytest.raises(LocalError):
        unseal_file(stage.files[0], tmp_path / "half.mkv", keys)
    assert not (tmp_path / "half.mkv").exists()
