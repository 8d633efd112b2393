"""Modules of the SDK and the console without a browser: Node runs them, with a fake transport and a fake clock."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import patient

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "splitter" / "web" / "static"


@pytest.mark.interop  # Node is a peer
@pytest.mark.parametrize(
    "script",
    [
        "again.mjs",
        "cover.mjs",
        "drafts.mjs",
        "guest.mjs",
        "path.mjs",
        "place.mjs",
        "recording.mjs",
        "socket.mjs",
        "status.mjs",
    ],
)
def test_without_a_browser(tmp_path: Path, script: str) -> None:
    shutil.copytree(STATIC, tmp_path, dirs_exist_ok=True)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / script, tmp_path)
    command = ("node", "--test", script)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=patient(60), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
