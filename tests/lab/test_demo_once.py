"""The main job, played once from end to end as a user starts it: `splitter demo --once --json`."""

import json
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from splitter.cli import main; main()", "demo", "--once", "--json"]


@pytest.mark.interop
def test_every_check_holds_and_nothing_is_left_running() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    failed = [row for row in told["checks"] if not row["ok"]]
    assert not failed, done.stderr
    assert done.returncode == 0
    names = [row["name"] for row in told["checks"]]
    for wanted in (
        "the centre was offered voice alone",
        "the caller hears the queue, then the agent",
        "the centre hears the caller",
        "the caller sees the waiting picture first",
        "the caller sees the agent",
        "the agent sees the caller",
        "a browser's desk joins the call that the centre gave it",
        "the caller sees the agent's browser",
        "the browser sees the caller",
        "a snapshot is a frame that the handset sent",
        "a picture instead of the agent's camera, and back",
        "a voice call reaches the desk",
        "the caller is asked for video, and accepts",
        "then both see each other",
        "back to voice",
        "the voice went on all the while",
        "nothing is left of the calls",
    ):
        assert wanted in names
