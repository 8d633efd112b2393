"""The process that makes stills: a key frame in, a JPEG file out, one after the other. Does I/O.

Each has its length before it, four bytes, the highest first; a still of no bytes is one that could not be made.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

_NICE = 15
_MEMORY_BYTES = 2 << 30
ALONE_S = 30  # whoever has begun this would have killed it long before, and is gone
KEY_FRAME_LIMIT_BYTES = 1 << 22


def main() -> None:
    """Make stills until standard input ends, as it does with whoever has begun this."""
    with suppress(OSError):
        os.nice(_NICE)
    for kind, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(asked: BinaryIO, made: BinaryIO) -> None:
    """Answer each key frame with its still."""
    from splitter.media.stills.still import still_of  # large libraries: not before the limits

    while len(head := asked.read(4)) == 4:
        key_frame = asked.read(int.from_bytes(head, "big"))
        signal.alarm(ALONE_S)
        try:
            still = still_of(key_frame)
        except Exception:  # whatever a stranger's picture does, the next one is another's
            still = b""
        signal.alarm(0)
        made.write(len(still).to_bytes(4, "big") + still)
        made.flush()
