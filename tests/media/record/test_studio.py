"""A recording from the tap to the file: what was said and seen is in it, and nothing else."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from splitter.core.errors import LocalError
from splitter.media.record import batch
from splitter.media.record.batch import Described, Kind, PicturePacket
from splitter.media.record.index import RecordingQuery, search
from splitter.media.record.keeper import RecordingRefused, Retention
from splitter.media.record.keys import public_of, read_public
from splitter.media.record.ledger import lines, read_line
from splitter.media.record.protocol import LINE_LIMIT_BYTES, KeepStill, RecorderCall, read_call, write_line
from splitter.media.record.space import SpaceLimits, SpaceUsed
from splitter.media.record.verify import examine
from tests.media.record.kit import ABOUT, BLOCK, RATE, Seen, Stage, pitch, played, tracks
from tests.media.room.kit import Camera
from tests.rtp.payloads import packetise


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "recordings")


class TestVoices:
    def test_each_has_its_tone_in_a_track_of_its_own(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller, centre = stage.voice("caller"), stage.voice("centre")
        centre.tone_hz, centre.ssrc = 1000.0, 0x52
        for _ in range(150):
            caller.say()
            centre.say()
            stage.pass_time(BLOCK / RATE)
        stage.pass_time(0.1)
        stage.studio.end("call-1")
        seen = played(stage.files[0])
        assert {name: round(pitch(one.samples), -1) for name, one in seen.items()} == {"caller": 440, "centre": 1000}
        assert [len(one.samples) for one in seen.values()] == [150 * BLOCK] * 2
        assert {one.codec for one in seen.values()} == {"pcm_alaw"}

    def test_a_gap_stays_a_gap_and_what_was_overtaken_comes_in_its_place(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        packets = [caller.packet() for _ in range(100)]
        lost = {40, 41, 42}
        order = [index for index in range(100) if index not in lost]
        order[20], order[21] = order[21], order[20]
        for at, index in enumerate(order):
            caller.say(packets[index])
            stage.pass_time(BLOCK / RATE if at != 39 else 4 * BLOCK / RATE)
        stage.pass_time(0.2)
        stage.studio.end("call-1")
        times = played(stage.files[0])["caller"].times
        assert len(times) == 97
        assert times == sorted(times)
        apart = [round(after - before, 3) for before, after in pairwise(times)]
        assert [one for one in apart if not 0.015 < one < 0.025] == [pytest.approx(0.08, abs=0.006)]

    def test_one_whose_numbers_fall_back_is_in_it_at_once(self, stage: Stage) -> None:
        """A phone began anew under its SSRC."""
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.sequence = 5000
        caller.talk(1.0)
        caller.sequence -= 2500
        caller.talk(1.0)
        stage.pass_time(0.2)
        stage.studio.end("call-1")
        assert len(played(stage.files[0])["caller"].times) == 100

    def test_keys_are_not_in_it(self, stage: Stage) -> None:
        """They may be card numbers."""
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(0.2)
        caller.payload_type = 101
        caller.talk(0.2)
        stage.studio.end("call-1")
        assert len(played(stage.files[0])["caller"].samples) == 10 * BLOCK

    def test_another_codec_is_another_track(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(0.4)
        caller.payload_type = 0  # PCMU, as every peer may send that has offered it
        caller.talk(0.4)
        stage.studio.end("call-1")
        assert [one.codec for one in _tracks(stage)] == ["pcm_alaw", "pcm_mulaw"]

    def test_nonsense_is_counted_and_harms_nobody(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        for data in (b"", b"\x80", b"\x00" * 40, os.urandom(60), caller.packet()[:13]):
            caller.say(data or b"\0")
        caller.talk(0.2)
        stage.studio.take(b"SR1\0")
        stage.studio.take(os.urandom(200))
        stage.studio.end("call-1")
        assert len(played(stage.files[0])["caller"].times) >= 10


def _tracks(stage: Stage) -> list[Seen]:
    return tracks(stage.files[0])


class Film:
    """A camera that is tapped."""

    def __init__(self, stage: Stage, name: str = "caller", luma: int = 120) -> None:
        self.stage = stage
        self.camera = Camera(luma)
        self.feed = stage.line.open(Described("call-1", name, "picture", 90_000))
        self.sequence, self.timestamp = 100, 0xFFFF_0000

    def show(self, pictures: int, lose: frozenset[int] = frozenset(), orientation: int | None = None) -> None:
        for index in range(pictures):
            payloads = packetise(self.camera.picture(), 1, 1000)
            for at, payload in enumerate(payloads):
                last = at == len(payloads) - 1
                packet = PicturePacket(self.sequence, self.timestamp & 0xFFFF_FFFF, 1, last, orientation, b"")
                self.sequence += 1
                if index not in lose or at:
                    self.feed.put(Kind.PICTURE, self.stage.host.time, batch.picture_head(packet), payload)
            self.timestamp += 6000
            self.stage.pass_time(1 / 15)


class TestAnotherCodec:
    def test_of_another_rate_keeps_the_time_of_the_call(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(1.0)
        wide = Described("call-1", "caller", "voice", 48_000, ((111, "OPUS", 48_000, 2, ""),))
        caller.feed.change(wide)
        for step in range(50):
            head = struct.pack("!BBHII", 0x80, 111, step, 960 * step, 0x77)
            caller.say(head + b"\xf8\xff\xfe")
            stage.pass_time(0.02)
        stage.pass_time(0.2)
        stage.studio.end("call-1")
        opus = next(one for one in _tracks(stage) if one.codec == "opus")
        assert opus.times[-1] - opus.times[0] == pytest.approx(0.98, abs=0.03)
        assert opus.times[0] == pytest.approx(1.0, abs=0.03)


class TestPictures:
    def test_all_are_there_in_a_track_that_came_later(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        stage.voice("caller").talk(1.0)
        film = Film(stage)
        film.camera.key_frame()
        film.show(30)
        stage.pass_time(0.1)
        stage.studio.end("call-1")
        seen = [one for one in _tracks(stage) if one.codec == "h264"]
        assert len(seen) == 1 and len(seen[0].brightness) == 30
        assert all(abs(luma - 120) < 10 for luma in seen[0].brightness)
        assert seen[0].times[0] == pytest.approx(1.0, abs=0.02)

    def test_what_misses_a_part_is_left_out_until_the_next_key_frame(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        film = Film(stage)
        film.camera.key_frame()
        film.show(10, lose=frozenset({5}))
        film.camera.key_frame()
        film.show(10)
        stage.pass_time(0.3)
        film.show(1)
        stage.studio.end("call-1")
        seen = played(stage.files[0])["caller"]
        assert len(seen.times) == 5 + 11
        assert len(seen.brightness) == len(seen.times)

    def test_a_picture_that_was_turned_says_so(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        film = Film(stage)
        film.camera.key_frame()
        film.show(5, orientation=1)
        film.show(5, orientation=0)
        stage.studio.end("call-1")
        events = stage.files[0].with_suffix(".events.jsonl").read_text()
        assert '"turned"' in events and '"degrees":0' in events


class TestWhoIsLeftOut:
    def test_is_neither_heard_nor_seen_from_then_on_and_the_others_are(self, stage: Stage) -> None:
        """Also while the taps still send, as they do for a moment."""
        stage.studio.begin(ABOUT)
        caller, centre, film = stage.voice("caller"), stage.voice("centre"), Film(stage)
        film.camera.key_frame()

        def second() -> None:
            for _ in range(50):
                caller.say()
                centre.say()
                stage.pass_time(0.02)
            film.camera.key_frame()
            film.show(5)

        second()
        for without in (("caller",), ()):
            stage.pass_time(0.1)
            stage.studio.begin(msgspec.structs.replace(ABOUT, without=without))
            second()
        stage.pass_time(0.1)
        stage.studio.end("call-1")
        voices = {one.name: one for one in _tracks(stage) if one.codec == "pcm_alaw"}
        (picture,) = (one for one in _tracks(stage) if one.codec == "h264")
        assert (len(voices["caller"].times), len(voices["centre"].times), len(picture.times)) == (100, 150, 10)
        assert not [at for at in (*voices["caller"].times, *picture.times) if 1.5 < at < 2.7]
        assert len(stage.files) == 1


class TestPause:
    def test_nothing_of_it_is_written(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(1.0)
        stage.studio.begin(ABOUT, paused=True)
        caller.tone_hz = 2000.0
        caller.talk(1.0)
        size = stage.files[0].stat().st_size
        caller.talk(1.0)
        stage.pass_time(1.0)
        assert stage.files[0].stat().st_size == size
        stage.studio.begin(ABOUT)
        caller.tone_hz = 440.0
        caller.talk(1.0)
        stage.studio.end("call-1")
        seen = played(stage.files[0])["caller"]
        assert len(seen.samples) == pytest.approx(2 * RATE, abs=2 * BLOCK)
        assert pitch(seen.samples) == pytest.approx(440, abs=2)
        apart = max(after - before for before, after in pairwise(seen.times))
        assert apart == pytest.approx(3.0, abs=0.06)  # the time of it stays


class TestStills:
    def test_are_kept_beside_the_recording_but_not_in_a_pause(self, stage: Stage) -> None:
        stage.studio.keep("still", "call-1", 1, b"before it")
        stage.studio.begin(ABOUT)
        stage.studio.keep("still", "call-1", 2, b"a picture")
        stage.studio.begin(ABOUT, paused=True)
        stage.studio.keep("still", "call-1", 3, b"a card")
        stage.studio.end("call-1")
        kept = {path.name: path.read_bytes() for path in stage.folder.glob("*/*.png")}
        assert kept == {"call-1.still-2.png": b"a picture"}

    def test_leave_nothing_where_there_is_no_room(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(fd: int, mode: int) -> None:
            raise OSError(28, "No space left on device")

        stage.studio.begin(ABOUT)
        monkeypatch.setattr("os.fchmod", full)
        with pytest.raises(OSError, match="No space"):
            stage.studio.keep("still", "call-1", 1, b"a picture")
        assert not list(stage.folder.glob("*/*.png"))

    def test_go_over_the_wire_as_they_are(self) -> None:
        call = RecorderCall(7, KeepStill("call-1", 1, bytes(range(256)) * 9000))
        line = write_line(call)
        assert len(line) < LINE_LIMIT_BYTES and read_call(line.rstrip(b"\n")) == call


class TestACrash:
    def test_leaves_a_file_that_opens_and_the_next_one_goes_on(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(2.0)
        # killed: nothing is closed
        stage.studio = stage.started()
        assert len(played(stage.files[0])["caller"].samples) > 1.5 * RATE
        caller.talk(0.5)  # for nobody yet
        stage.studio.begin(ABOUT)
        caller.talk(2.0)
        stage.studio.end("call-1")
        assert [path.name for path in stage.files] == ["call-1.1.mkv", "call-1.2.mkv"]
        assert pitch(played(stage.files[1])["caller"].samples) == pytest.approx(440, abs=2)
        ended = [entry for _, line in lines(stage.folder) if (entry := read_line(line)) and entry.kind == "ended"]
        assert ["the recorder was killed" in entry.about["reason"] for entry in ended] == [True, False]

    def test_is_looked_for_beside_all_else_and_what_lives_is_no_part_of_it(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        stage.voice("caller").talk(1.0)
        later = Later()
        stage.more["beside"] = later
        stage.studio = stage.started()  # does not read the ledger, which may be long
        stage.studio.begin(ABOUT)
        later.run()
        stage.pass_time(0.1)
        ended = [entry for _, line in lines(stage.folder) if (entry := read_line(line)) and entry.kind == "ended"]
        assert [Path(entry.about["file"]).name for entry in ended] == ["call-1.1.mkv"]
        assert stage.row().state == "recording"


class Later(Executor):
    """Work that is done when it is wanted."""

    def __init__(self) -> None:
        self._work: list[Callable[[], object]] = []

    def submit(self, fn: Callable[..., object], /, *args: object, **more: object) -> Future[object]:  # type: ignore[override]
        self._work.append(partial(fn, *args, **more))
        return Future()

    def run(self) -> None:
        for work in self._work:
            work()


class TestDisk:
    def test_a_full_one_stops_the_recording_and_says_so(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(1.0)
        real = os.write

        def full(fd: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("splitter.media.record.file.os.write", full)
        caller.talk(1.0)
        monkeypatch.setattr("splitter.media.record.file.os.write", real)
        assert stage.troubles == [("call-1", "it cannot be written: No space left on device")]
        stage.pass_time(1.1)
        assert stage.row().state == "stopped"
        assert len(played(stage.files[0])["caller"].samples) > 0.5 * RATE
        stage.studio.begin(ABOUT)  # somebody has made room
        assert (stage.row().state, stage.row().reason) == ("recording", "")
        caller.talk(1.0)
        stage.studio.end("call-1")
        assert len(stage.files) == 2

    def test_one_that_takes_no_other_head_makes_nobody_a_forger(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(fd: int, data: bytes, at: int) -> int:
            raise OSError(5, "Input/output error")

        stage.studio.begin(ABOUT)
        monkeypatch.setattr("splitter.media.record.file.os.pwrite", broken)
        stage.voice("caller").talk(1.0)
        assert stage.row().state == "stopped"
        key = read_public(public_of(stage.folder.parent / "recordings.key"))
        assert examine(stage.folder, key).wrong == []

    def test_little_room_stops_all_before_it_is_full(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path / "recordings", limits=SpaceLimits(1 << 60))
        with pytest.raises(RecordingRefused, match="the disk of recordings is full"):
            stage.studio.begin(ABOUT)
        assert stage.troubles and stage.troubles[0][0] == ""

    def test_nothing_goes_on_as_it_was_where_somebody_was_to_be_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = [2000]
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=room[0], f_frsize=1))
        stage = Stage(tmp_path / "recordings", limits=SpaceLimits(1000))
        stage.studio.begin(ABOUT)
        room[0] = 10
        with pytest.raises(RecordingRefused, match="full"):
            stage.studio.begin(msgspec.structs.replace(ABOUT, without=("caller",)))
        assert stage.studio.states["call-1"].startswith("the disk of recordings is full")

    def test_that_has_a_little_room_again_does_not_begin_all_anew_each_second(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room = [2000]
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=room[0], f_frsize=1))
        stage = Stage(tmp_path / "recordings", limits=SpaceLimits(1000))
        stage.studio.begin(ABOUT)
        for left in (999, 1001, 999, 1050, 1200):
            room[0] = left
            stage.pass_time(1.1)
        told = [bool(reason) for recording, reason in stage.troubles if not recording]
        assert told == [True, False] and len(stage.files) == 1


class TestAQuota:
    """What is kept is counted; at 90 % somebody is told, and at the quota it is as with a full disk."""

    def test_is_told_of_before_it_is_used_up_and_then_stops_all_until_something_is_deleted(
        self, tmp_path: Path
    ) -> None:
        used: list[SpaceUsed] = []
        stage = Stage(tmp_path / "recordings", limits=SpaceLimits(0, 100_000), used=used.append)
        stage.studio.begin(msgspec.structs.replace(ABOUT, id="call-0"))
        stage.voice("caller", recording="call-0").talk(4.0)  # 8 kB a second
        stage.studio.end("call-0")
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        for _ in range(20):
            caller.talk(0.5)
            if used[-1].warning:
                break
        assert 90_000 <= used[-1].kept_bytes < 100_000 and "% of that" in used[-1].warning
        assert not stage.troubles
        caller.talk(3.0)
        (trouble,) = [reason for recording, reason in stage.troubles if not recording]
        assert "the quota of recordings is used up" in trouble
        assert stage.row().state == "stopped"
        with pytest.raises(RecordingRefused, match="quota"):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id="call-2"))
        stage.studio.keeper.delete("call-0", "by hand", "it is full")
        stage.pass_time(1.1)
        assert stage.troubles[-1] == ("", "")
        stage.studio.begin(ABOUT)
        assert not used[-1].warning and used[-1].kept_bytes < 80_000

    def test_counts_what_lies_here_and_nothing_that_was_moved_or_deleted(self, tmp_path: Path) -> None:
        used: list[SpaceUsed] = []
        stage = Stage(tmp_path / "recordings", used=used.append)
        for id in ("call-1", "call-2", "call-3"):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id=id))
            stage.studio.keep("still", id, 1, b"x" * 1000)
            stage.studio.end(id)
        stage.pass_time(11)
        one = sum(part.size for part in stage.row().parts) + 1000
        assert used[-1].kept_bytes == 3 * one
        stage.studio.keeper.delete("call-1", "by hand", "")
        row = stage.row("call-2")
        files = {row.parts[0].path: row.parts[0].hash, row.beside[0].path: row.beside[0].hash}
        stage.studio.keeper.moved("call-2", files, "s3://x")
        stage.pass_time(11)
        assert used[-1].kept_bytes == one

    def test_is_counted_beside_all_that_is_written_and_not_without_a_break(self, tmp_path: Path) -> None:
        begun: list[Future[int]] = []

        class Slow(Executor):
            def submit(self, count, /, *args, **kwargs):  # type: ignore[no-untyped-def]
                begun.append(Future())
                return begun[-1]

        used: list[SpaceUsed] = []
        stage = Stage(tmp_path / "recordings", limits=SpaceLimits(0, 100_000), used=used.append, counting=Slow())
        stage.studio.begin(ABOUT)
        stage.pass_time(3.0)
        stage.studio.end("call-1")
        ended = sum(part.size for part in stage.row().parts)
        begun[0].set_result(5000)
        stage.pass_time(1.1)
        assert used[-1].kept_bytes == 5000 + ended, "what has ended meanwhile may not be in it"
        stage.pass_time(30)
        assert len(begun) == 1, "it took four seconds"
        stage.pass_time(12)
        assert len(begun) == 2
        begun[1].set_exception(LocalError("the index of recordings cannot be read"))
        stage.pass_time(1.1)
        assert used[-1].kept_bytes == 5000 + ended


class TestSlowRecorder:
    def test_what_it_does_not_take_is_dropped_and_counted(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        caller.talk(0.5)
        stage.stuck = True
        caller.talk(5.0)
        assert stage.line.dropped > 100
        stage.voice("centre")  # another stream of the same recording: what was dropped is counted once
        stage.stuck = False
        caller.talk(0.5)
        stage.studio.end("call-1")
        events = stage.files[0].with_suffix(".events.jsonl").read_text()
        assert f'"dropped":{stage.line.dropped}' in events

    def test_one_that_is_gone_costs_nothing_but_the_recording(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        caller = stage.voice("caller")
        stage.gone = True
        caller.talk(1.0)
        stage.gone = False
        caller.talk(1.0)
        stage.studio.end("call-1")
        assert RATE * 0.7 < len(played(stage.files[0])["caller"].samples) <= RATE


class TestIndex:
    def test_finds_by_number_agent_route_and_time(self, stage: Stage) -> None:
        stage.studio.begin(ABOUT)
        stage.studio.end("call-1")
        at = stage.host.wall()
        for query, found in (
            (RecordingQuery(number="+8613800000000"), 1),
            (RecordingQuery(number="12345", agent="8001", route="pbx"), 1),
            (RecordingQuery(agent="8002"), 0),
            (RecordingQuery(since=at - 1, until=at + 1), 1),
            (RecordingQuery(since=at + 1), 0),
            (RecordingQuery(call_id="4711"), 1),
        ):
            assert len(search(stage.folder, query)) == found, query

    @pytest.mark.parametrize("id", ["../etc", "", "a/b", "x" * 101, ".hidden"])
    def test_no_id_leads_out_of_the_folder(self, stage: Stage, id: str) -> None:
        with pytest.raises(RecordingRefused):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id=id))


class TestKeeping:
    def test_old_ones_go_but_for_those_on_hold(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path / "recordings", retention=Retention(1.0))
        for id in ("call-1", "call-2"):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id=id))
            stage.studio.end(id)
        stage.studio.keeper.hold("call-2", True, "the judge", "case 7")
        stage.host.time += 90_000
        stage.studio.tick()
        assert [path.name for path in stage.files] == ["call-2.1.mkv"]
        assert stage.row("call-1").state == "deleted"
        with pytest.raises(RecordingRefused, match="held"):
            stage.studio.keeper.delete("call-2", "somebody", "")

    def test_each_trunk_of_the_centre_may_have_its_days(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path / "recordings", retention=Retention(1.0, (("bank", 3.0), ("court", 0.0))))
        for id, route in (("call-1", "pbx"), ("call-2", "bank"), ("call-3", "court")):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id=id, route=route))
            stage.studio.end(id)
        left = []
        for _ in range(2):
            stage.host.time += 2 * 86_400
            stage.studio.tick()
            left.append([path.name for path in stage.files])
        assert left == [["call-2.1.mkv", "call-3.1.mkv"], ["call-3.1.mkv"]]

    def test_many_go_a_few_at_a_time_with_their_screenshots(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path / "recordings", retention=Retention(1.0))
        for number in range(50):
            stage.studio.begin(msgspec.structs.replace(ABOUT, id=f"call-{number}"))
            stage.studio.keep("still", f"call-{number}", 1, b"a picture")
            stage.studio.end(f"call-{number}")
        stage.host.time += 90_000
        left = []
        for _ in range(4):
            stage.studio.tick()
            left.append(len(stage.files))
            stage.host.time += 1.5
        assert left == [30, 10, 0, 0] and not list(stage.folder.glob("*/*.png"))
