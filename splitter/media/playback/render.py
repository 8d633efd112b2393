"""A recording rendered: pictures side by side, voices in two channels, one MP4. Reads and writes files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from splitter.media.playback.blocks import FilmTrack, RecordedFiles
from splitter.media.playback.cells import SHOWN, arrange
from splitter.media.playback.film import TICKS, FilmPictures
from splitter.media.playback.voices import LEFT, RATE, RIGHT, Samples, TwoChannels, VoiceTrack
from splitter.media.record.render_job import Peaks, Rendered, RenderJob
from splitter.media.record.shelf import RecordingShelf

_KEY_TICKS = 2 * TICKS  # so that a player that jumps shows the place at once
_BEHIND_S = 0.5  # a decoder may hold a frame back: what is heard is given out so much later
_X264 = {"preset": "superfast", "crf": "26", "profile": "main"}
_AUDIO_BITS = 96_000


class _Writer:
    """The MP4 that is written. Its index stands at its begin, so that it plays while it comes."""

    def __init__(self, target: Path, width: int, height: int) -> None:
        self._file = av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"})
        video = self._file.add_stream("libx264", rate=TICKS, options=dict(_X264))
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = Fraction(1, TICKS)
        video.codec_context.thread_count = 1
        video.codec_context.max_b_frames = 0
        video.codec_context.gop_size = _KEY_TICKS
        audio: Any = self._file.add_stream("aac", rate=RATE, layout="stereo")
        audio.bit_rate = _AUDIO_BITS
        self._video: Any = video
        self._audio: Any = audio
        self._key_at = 0
        self._said = 0
        self._waiting = np.zeros((2, 0), np.float32)

    def picture(self, tick: int, frame: av.VideoFrame) -> None:
        frame.pts, frame.time_base = tick, Fraction(1, TICKS)
        if tick >= self._key_at:
            self._key_at = tick + _KEY_TICKS
            frame.pict_type = av.video.frame.PictureType.I
        self._file.mux(self._video.encode(frame))

    def sound(self, samples: Samples, last: bool = False) -> None:
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        size = self._audio.codec_context.frame_size or 1024
        while self._waiting.shape[1] >= size or (last and self._waiting.shape[1]):
            part = np.ascontiguousarray(self._waiting[:, :size])
            self._waiting = self._waiting[:, size:]
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._said, Fraction(1, RATE)
            self._said += part.shape[1]
            self._file.mux(self._audio.encode(frame))

    def end(self) -> None:
        self._file.mux(self._video.encode(None))
        self._file.mux(self._audio.encode(None))
        self._file.close()


def render(job: RenderJob, shelf: RecordingShelf, target: Path) -> Rendered:
    """Render a recording.

    Args:
        shelf: where its files are read. target: where the film is written.

    Returns: what was made, but for the hash of its file.

    Raises:
        OSError: a file cannot be read or written.
    """
    try:
        files = RecordedFiles(shelf, job.parts)
    except av.error.FFmpegError as error:
        return Rendered(f"the recording cannot be read: {error}")
    if not files.tracks:
        return Rendered("there is nothing in it")
    cells = arrange(files.tracks, files.events, job.caller, job.agent)
    film = FilmPictures(cells, files.began, job.title, files.events)
    voices = {
        id(one): VoiceTrack(one, LEFT if one.name == "caller" else RIGHT) for one in files.tracks if not one.video
    }
    heard, writer = TwoChannels(), _Writer(target, film.width, film.height)
    for at, track, packet in files.packets():
        for samples in heard.up_to(round((at - _BEHIND_S) * RATE)):  # first: after hours of a pause this is much
            writer.sound(samples)
        if track.video:
            for tick, frame in film.take(at, track, packet):
                writer.picture(tick, frame)
        else:
            for place, samples in voices[id(track)].take(at, packet):
                heard.put(voices[id(track)].channel, place, samples)
    for tick, frame in film.until(files.seconds):
        writer.picture(tick, frame)
    for samples in heard.up_to(round(files.seconds * RATE)):
        writer.sound(samples)
    writer.sound(heard.until(round(files.seconds * RATE)), last=True)
    writer.end()
    size = target.stat().st_size
    notes = tuple(_notes(files.tracks, list(voices.values()), film, {id(one) for cell in cells for one in cell.tracks}))
    return Rendered("", False, files.seconds, size, "", Peaks(*heard.peaks()), notes)


def _notes(tracks: list[FilmTrack], voices: list[VoiceTrack], film: FilmPictures, placed: set[int]) -> list[str]:
    """What is in the recording and not in the film, in words."""
    notes = [f"the voice of {one.track.name} is not in it: {one.fault}" for one in voices if one.fault]
    failed = sum(one.failed for one in voices)
    if failed:
        notes.append(f"{failed} packets of voice could not be decoded")
    if film.failed:
        notes.append(f"{film.failed} pictures could not be decoded")
    notes.extend(
        f"the picture of {one.name} is not in it: there are too many"
        for one in tracks
        if one.video and one.name != SHOWN and id(one) not in placed
    )
    return notes
