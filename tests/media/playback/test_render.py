"""A recording made a film: who is seen and heard where, and when."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from splitter.media.playback.voices import RATE, TwoChannels
from splitter.media.record.batch import Described, Kind
from tests.media.playback.kit import STEP_S, Sender, filmed, sender, watched
from tests.media.record.kit import ABOUT, Stage

DARK, BRIGHT, NIGHT = 60, 200, 33


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path / "recordings")
    stage.studio.begin(ABOUT)
    return stage


def talk(stage: Stage, seconds: float, *who: Sender, loud: bool = True, orientation: int | None = None) -> None:
    for _ in range(round(seconds / STEP_S)):
        for one in who:
            one.show(orientation)
            one.say(loud)
        stage.pass_time(STEP_S)


def pitch(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


class TestBothSides:
    def test_are_seen_side_by_side_and_heard_each_in_its_channel(self, stage: Stage, tmp_path: Path) -> None:
        talk(stage, 2.0, sender(stage, "caller", DARK, 440), sender(stage, "desk-1", BRIGHT, 1000))
        stage.studio.end("call-1")
        done = filmed(stage, tmp_path / "film.mp4")
        film = watched(tmp_path / "film.mp4")
        assert (done.fault, done.notes) == ("", ())
        assert done.seconds == pytest.approx(2.0, abs=0.2)
        assert film.luma(1.0, 0) == pytest.approx(DARK, abs=6) and film.luma(1.0, 1) == pytest.approx(BRIGHT, abs=6)
        heard = [pitch(film.sound[channel, film.rate // 2 : film.rate], film.rate) for channel in (0, 1)]
        assert heard == [pytest.approx(440, abs=3), pytest.approx(1000, abs=3)]
        assert done.peaks is not None and max(done.peaks.caller[4:30]) == pytest.approx(24, abs=3)

    def test_keep_their_lips_and_voices_together(self, stage: Stage, tmp_path: Path) -> None:
        """Dark and silent, then bright and loud: within a frame of each other, also after a gap."""
        caller = sender(stage, "caller", DARK)
        talk(stage, 1.0, caller, loud=False)
        stage.pass_time(2.6)
        caller.timestamp += round(2.6 * 90_000)
        caller.voice.timestamp += round(2.6 * 8000)
        talk(stage, 1.0, caller, loud=False)
        caller.camera.luma = BRIGHT
        caller.camera.key_frame()
        talk(stage, 1.0, caller)
        stage.studio.end("call-1")
        filmed(stage, tmp_path / "film.mp4")
        film = watched(tmp_path / "film.mp4")
        seen = next(at for at, picture in film.pictures if abs(int(np.median(picture[40:380, 200:440])) - BRIGHT) < 20)
        assert film.first_sound(0) == pytest.approx(4.6, abs=0.04)
        assert seen == pytest.approx(film.first_sound(0), abs=0.04)

    def test_turn_as_the_phone_is_held(self, stage: Stage, tmp_path: Path) -> None:
        caller = sender(stage, "caller", BRIGHT, size=(320, 240))
        talk(stage, 1.0, caller, orientation=1)
        talk(stage, 1.0, caller, orientation=0)
        stage.studio.end("call-1")
        filmed(stage, tmp_path / "film.mp4")
        film = watched(tmp_path / "film.mp4")
        at = {round(time, 2): picture for time, picture in film.pictures}
        upright, lying = at[0.8], at[1.8]
        assert int(np.median(upright[:400, 5:100])) == pytest.approx(NIGHT, abs=4)  # beside a picture that stands
        assert int(np.median(lying[:400, 5:100])) == pytest.approx(BRIGHT, abs=6)

    def test_have_a_place_with_a_name_also_without_a_picture(self, stage: Stage, tmp_path: Path) -> None:
        stage.voice("caller").talk(2.0)
        stage.studio.end("call-1")
        assert filmed(stage, tmp_path / "film.mp4").fault == ""
        film = watched(tmp_path / "film.mp4")
        assert [round(at, 2) for at, _ in film.pictures] == [0.0, 1.0, 2.0]  # the time alone changes
        for cell in (0, 1):
            assert film.pictures[0][1][440:475, 640 * cell : 640 * cell + 200].max() > 200, "no name"


class TestTime:
    def test_of_a_pause_is_there_and_nothing_is_seen_in_it(self, stage: Stage, tmp_path: Path) -> None:
        caller = sender(stage, "caller", BRIGHT)
        talk(stage, 1.0, caller)
        stage.studio.begin(ABOUT, paused=True)
        stage.pass_time(3.0)
        stage.studio.begin(ABOUT)
        caller.timestamp += round(3.0 * 90_000)
        caller.voice.timestamp += round(3.0 * 8000)
        caller.camera.key_frame()
        talk(stage, 1.0, caller)
        stage.studio.end("call-1")
        filmed(stage, tmp_path / "film.mp4")
        film = watched(tmp_path / "film.mp4")
        assert film.luma(2.5, 0) == pytest.approx(NIGHT, abs=4) and film.luma(4.8, 0) == pytest.approx(BRIGHT, abs=6)
        assert film.loud(1.2, 3.8, 0) < 0.001 < film.loud(4.2, 4.8, 0)

    def test_between_two_files_of_a_recorder_that_was_killed_is_there(self, stage: Stage, tmp_path: Path) -> None:
        talk(stage, 1.0, sender(stage, "caller", BRIGHT))
        stage.pass_time(0.3)
        stage.host.pass_time(2.7)
        stage.studio = stage.started()
        stage.studio.begin(ABOUT)
        talk(stage, 1.0, sender(stage, "caller", DARK))
        stage.studio.end("call-1")
        stage.pass_time(1.0)
        assert len(stage.row().parts) == 2
        done = filmed(stage, tmp_path / "film.mp4")
        film = watched(tmp_path / "film.mp4")
        assert done.seconds == pytest.approx(5.0, abs=0.2)
        assert film.luma(0.9, 0) == pytest.approx(BRIGHT, abs=6) and film.luma(4.9, 0) == pytest.approx(DARK, abs=6)
        assert film.loud(1.2, 3.8, 0) < 0.001 < film.loud(4.2, 4.8, 0)

    def test_of_hours_without_anything_is_given_out_in_pieces(self) -> None:
        """Three hours of two channels at once would be more than a film's process may have."""
        heard = TwoChannels()
        pieces = [samples.shape[1] for samples in heard.up_to(3 * 3600 * RATE)]
        assert max(pieces) <= 10 * RATE and sum(pieces) == heard.given >= 3 * 3600 * RATE - RATE


class TestWhatCannotBeDecoded:
    def test_is_said_and_the_rest_is_there(self, stage: Stage, tmp_path: Path) -> None:
        talk(stage, 1.0, sender(stage, "desk-1", BRIGHT))
        spoken = ((98, "EVS", 16_000, 1, ""),)
        feed = stage.line.open(Described("call-1", "caller", "voice", 16_000, spoken))
        for step in range(50):
            feed.put(Kind.RTP, stage.host.time, struct.pack("!BBHII", 0x80, 98, step, 320 * step, 7) + b"\x0c" * 33)
            stage.pass_time(0.02)
        stage.studio.end("call-1")
        done = filmed(stage, tmp_path / "film.mp4")
        assert done.notes == ("the voice of caller is not in it: no decoder here knows it",)
        assert watched(tmp_path / "film.mp4").luma(0.9, 1) == pytest.approx(BRIGHT, abs=6)

    def test_costs_no_more_than_itself(self, stage: Stage, tmp_path: Path) -> None:
        """A file whose middle was spoilt."""
        talk(stage, 3.0, sender(stage, "caller", BRIGHT))
        stage.studio.end("call-1")
        path = stage.files[0]
        data = bytearray(path.read_bytes())
        for at in range(40_000, 44_000):
            data[at] ^= 0x55
        path.write_bytes(data)
        done = filmed(stage, tmp_path / "film.mp4")
        assert done.fault == "" and watched(tmp_path / "film.mp4").pictures
