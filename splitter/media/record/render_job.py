"""A film to be rendered of a recording, and what became of it: one line of JSON each way. Pure."""

from __future__ import annotations

import msgspec

from splitter.media.record.place import StorePlace


class RenderPart(msgspec.Struct, frozen=True):
    """A file of the recording. `path`: within the folder; `began`: Unix seconds."""

    path: str
    began: float


class RenderJob(msgspec.Struct, frozen=True):
    """A recording to be rendered.

    Attributes:
        recording: its id. folder: of all recordings. parts: its files, the oldest first.
        target: where the film goes; what lies there is written over.
        caller, agent: the names under their pictures, where nobody has said others. title: stands beside the time.
        limit_s: of the processor's time. limit_bytes: of the film.
        seal_key, seal_command: what the files are sealed with; see `SealKeys`. store: where they may be.
    """

    recording: str
    folder: str
    parts: tuple[RenderPart, ...]
    target: str
    caller: str = ""
    agent: str = ""
    title: str = ""
    limit_s: int = 0
    limit_bytes: int = 0
    seal_key: str = ""
    seal_command: str = ""
    store: StorePlace = StorePlace()


class Peaks(msgspec.Struct, frozen=True):
    """How loud a film is: for each piece of `every_s` seconds the highest amplitude, 0 to 100.

    `caller`: the left channel. `agent`: the right one, all others.
    """

    every_s: float
    caller: list[int]
    agent: list[int]


class Rendered(msgspec.Struct, frozen=True):
    """A film that was made, or `fault`: why none was.

    `seconds`: its length. `notes`: what is not in it, in words. `again`: what was wrong may pass.
    """

    fault: str = ""
    again: bool = False
    seconds: float = 0.0
    size: int = 0
    hash: str = ""
    peaks: Peaks | None = None
    notes: tuple[str, ...] = ()


_jobs, _ends = msgspec.json.Decoder(RenderJob), msgspec.json.Decoder(Rendered)


def write_job(job: RenderJob) -> bytes:
    """A job as it is sent."""
    return msgspec.json.encode(job) + b"\n"


def read_job(line: bytes) -> RenderJob:
    """A job. Raises msgspec.MsgspecError."""
    return _jobs.decode(line)


def write_end(end: Rendered) -> bytes:
    """What became of a job, as it is sent."""
    return msgspec.json.encode(end) + b"\n"


def read_end(line: bytes) -> Rendered:
    """What became of a job. Raises msgspec.MsgspecError."""
    return _ends.decode(line)
