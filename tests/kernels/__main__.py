"""Run tests on the kernel of another release of Debian: `python -m tests.kernels RELEASE [pytest's arguments]`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from tests.interop.packages import ROOT
from tests.kernels.debian import kernel_of
from tests.kernels.guest import run

_LIMIT_S = 3600  # ends a machine that hangs; no measure of one that is slow
_TESTS = ("tests/media/offload",)


def main(release: str, arguments: list[str]) -> int:
    """Run them. Returns: the exit code."""
    if shutil.which("qemu-system-x86_64") is None:
        print("qemu is missing: apt install qemu-system-x86", file=sys.stderr)
        return 1
    begun = time.monotonic()
    try:
        kernel = kernel_of(release)
    except (subprocess.CalledProcessError, ValueError) as error:
        print(f"the kernel of {release} is not to be had: {error}", file=sys.stderr)
        return 1
    code = run(kernel, ROOT, arguments or _TESTS, os.environ.get("ACCEL", "tcg"), _LIMIT_S)
    print(f"== {kernel.modules.name}: {'all holds' if code == 0 else 'FAILED'}, {time.monotonic() - begun:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
