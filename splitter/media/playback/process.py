"""The process that makes one film. Does I/O.

It has the machine's idle time alone, and ends with whoever has begun it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from splitter.media.record.file import hash_of
from splitter.media.record.matroska import HEAD_BYTES
from splitter.media.record.render_job import Rendered, RenderJob, read_job, write_end
from splitter.media.record.seal import CHUNK_BYTES, FileSeal
from splitter.media.record.seal_keys import SealKeys
from splitter.media.record.shelf import RecordingShelf

_MEMORY_BYTES = 4 << 30
_NICE = 19


def main() -> None:
    """Read a job from standard input, do it, and write what became of it to standard output."""
    _give_way()
    job = read_job(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout.buffer.write(write_end(carried_out(job)))
    sys.stdout.buffer.flush()
    os._exit(0)  # the thread waits for standard input


def carried_out(job: RenderJob) -> Rendered:
    """Do a job within its limits, and say what became of it."""
    _limit(job)
    target = Path(job.target)
    keys = SealKeys(job.seal_key, job.seal_command)
    try:
        from splitter.media.playback.render import render  # large libraries: not before the limits

        shelf = RecordingShelf(Path(job.folder), keys, job.store)
        with open(target, "x+b", opener=_private) as file:
            done = render(job, shelf, target) if not keys else _rendered_sealed(job, shelf, keys, file)
            if done.fault:
                return done
            os.fsync(file.fileno())
        return msgspec.structs.replace(done, size=target.stat().st_size, hash=hash_of(target, HEAD_BYTES))
    except MemoryError:
        return Rendered("it needs more memory than a film may have")
    except OSError as error:
        return Rendered(f"it cannot be read or written: {error.strerror or error}", again=True)
    except Exception as fault:
        return Rendered(f"it cannot be rendered: {type(fault).__name__}: {fault}"[:300], again=True)


def _rendered_sealed(job: RenderJob, shelf: RecordingShelf, keys: SealKeys, sealed: BinaryIO) -> Rendered:
    """Render into a file that has no name, and seal that: the disk never has a film that others could open."""
    from splitter.media.playback.render import render

    folder = Path(job.target).parent
    with os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600), "r+b") as plain:
        done = render(job, shelf, Path(f"/proc/self/fd/{plain.fileno()}"))
        if not done.fault:
            seal = FileSeal(keys.make())
            sealed.write(seal.header)
            place = 0
            while part := plain.read(CHUNK_BYTES):
                place += 1
                sealed.write(seal.chunk(place, part))
            sealed.flush()
        return done


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _give_way() -> None:
    """Everything else on the machine comes first."""
    with suppress(OSError):
        os.nice(_NICE)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _limit(job: RenderJob) -> None:
    for kind, most in (
        (resource.RLIMIT_CPU, job.limit_s),
        (resource.RLIMIT_FSIZE, job.limit_bytes),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        if most or kind == resource.RLIMIT_CORE:
            with suppress(OSError, ValueError):
                resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # it becomes an error of the write


def _end_with_parent() -> None:
    """Standard input ends when whoever holds it does, however that one ended."""
    while os.read(0, 4096):
        pass
    os._exit(1)
