"""INVITEs of handsets are larger than a packet: over UDP, IP takes them apart, and networks shuffle the pieces."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]


@cache
def played() -> dict[str, object]:
    """What came of it, in a network namespace of its own, where the loopback's packets are small."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("this machine lacks unshare or ip")
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no network namespace")
    script = [*NAMESPACE, sys.executable, "-m", "tests.transport.fragments"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


class TestFragments:
    @pytest.mark.parametrize("how", ["by the kernel", "reversed", "shuffled", "doubled", "one lost"])
    def test_are_put_together(self, how: str) -> None:
        found = played()["found"]
        assert isinstance(found, dict)
        assert found[how], found

    def test_were_fragments_indeed(self) -> None:
        count = played()["reassembled"]
        assert isinstance(count, int)
        assert count >= 4
