"""Builds the library of the native short way with the C compiler that is there: `python -m splitter.media.fast.build`.

Only the standard library is needed, since setup.py runs this file before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "native"
LIBRARY = FOLDER / "short.so"
# No fused multiply and add: jitter is the same number as in Python, to the last bit.
FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-ffp-contract=off", "-fstack-protector-strong", "-Wall", "-Wextra")
LINKED = ("-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack")


def digest() -> int:
    """Make a number of the sources: a library that was built from others is not loaded."""
    hashed = hashlib.sha256()
    for path in sorted([*FOLDER.glob("*.c"), *FOLDER.glob("*.h")]):
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return int.from_bytes(hashed.digest()[:8])


def compiler() -> list[str]:
    """Find the C compiler: $CC, or one by its usual name; none: an empty list."""
    chosen = shlex.split(os.environ.get("CC", ""))
    found = next((name for name in (*chosen[:1], "cc", "gcc", "clang") if shutil.which(name)), None)
    if found is None:
        return []
    return chosen if chosen[:1] == [found] else [found]


def build(target: Path = LIBRARY, more: Sequence[str] = ()) -> str:
    """Build the library. Returns: why that cannot be done; "" where it was.

    Args:
        more: flags besides the usual ones.
    """
    command = compiler()
    if not command:
        return "there is no C compiler"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        sources = [str(path) for path in sorted(FOLDER.glob("*.c"))]
        define = f"-DFAST_SOURCES=0x{digest():x}ULL"
        done = subprocess.run(
            [*command, *FLAGS, *more, define, "-o", str(made), *sources, *LINKED], capture_output=True, text=True
        )
        if done.returncode:
            return f"{command[0]} fails: {done.stderr.strip()}"
        made.replace(target)  # a process that has the old one mapped keeps it
    return ""


def main() -> int:
    """Build it where it is looked for."""
    reason = build()
    print(f"== {LIBRARY.name} was not built: {reason}; Python does it" if reason else f"== {LIBRARY.name} was built")
    return 0


if __name__ == "__main__":
    sys.exit(main())
