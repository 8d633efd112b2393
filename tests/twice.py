"""Runs pytest, and what failed once more, alone: `python -m tests.twice [pytest's arguments]`.

Real peers, browsers and 13,000 tests share one machine: a race that shows once in a hundred thousand tests would fail
every tenth run of all of them. What fails twice has failed. What passes alone is named in the last lines, with its first
failure above them: it is a fault too, to be mended at its root (docs/decisions/0052).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MOST = 3  # more than so many are no coincidence
_SOME_FAILED = 1  # pytest's exit code; others say that it could not do its work


def main(arguments: list[str]) -> int:
    """Run them. Returns: pytest's exit code, of the second run where there was one."""
    with tempfile.TemporaryDirectory(prefix="splitter-tests-") as folder:
        kept = ["-o", f"cache_dir={folder}"]  # of this run alone
        code = _pytest([*arguments, *kept])
        failed = _failed(Path(folder))
        if code != _SOME_FAILED or not 0 < len(failed) <= MOST:
            return code
        print(f"== once more, alone: {', '.join(failed)}", flush=True)
        code = _pytest([*arguments, *kept, "-n", "0", "--last-failed", "--last-failed-no-failures", "none"])
    if code == 0:
        print("== failed beside others, passed alone; to be mended: " + ", ".join(failed), flush=True)
    return code


def _pytest(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments]).returncode


def _failed(folder: Path) -> list[str]:
    try:
        found: dict[str, bool] = json.loads((folder / "v/cache/lastfailed").read_text())
    except FileNotFoundError:
        return []
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
