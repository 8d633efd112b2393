"""The version before is replaced by this one under live calls.

The version before is the newest tag behind HEAD; as long as there is none, the commit before. UPGRADE_FROM names another.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.lab.gateway import GatewayProcess
from tests.chaos.crowd import CALLED, HOST, Conversation, Town
from tests.chaos.remains import left_at_last
from tests.patience import PATIENCE_S, until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CALLS = 5


def git(*words: str) -> str:
    """What git says; "" where it has nothing to say."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tree of the version before."""
    named = os.environ.get("UPGRADE_FROM", "")
    base = named or git("describe", "--tags", "--abbrev=0", "HEAD~1") or git("rev-parse", "--verify", "HEAD~1")
    if not base:
        pytest.skip("no version before this one is known here: no git, or a clone of one commit")
    tree = tmp_path_factory.mktemp("before") / "tree"
    if git("worktree", "add", "--detach", str(tree), base) == "" and not (tree / "splitter").exists():
        pytest.skip(f"{base} cannot be checked out here")
    yield tree
    git("worktree", "remove", "--force", str(tree))


async def changed(call: Conversation) -> None:
    """The centre holds and resumes; the caller is told each time."""
    assert call.inside is not None and call.desk_phone is not None
    for held, heard in ((True, "sendonly"), (False, "sendrecv")):
        call.desk_phone.held = held
        outcome = await call.inside.reoffer(PATIENCE_S)
        while outcome.status in (491, 500):  # both sides are being told of new ports
            await asyncio.sleep(0.5)
            outcome = await call.inside.reoffer(PATIENCE_S)
        assert outcome.accepted, outcome
        await until(lambda heard=heard: call.phone.heard == heard)  # type: ignore[misc]


class TestUpgrade:
    @pytest.mark.parametrize("how", ["leave", "kill"])
    async def test_calls_live_through_it(self, before: Path, tmp_path: Path, how: str) -> None:
        town = Town(random.Random(1))
        await town.start()
        old = GatewayProcess(tmp_path, town.centre.address, CALLED, HOST, within=("env", "-C", str(before)))
        new = old.twin(tmp_path)
        try:
            await old.start()
            calls = [town.call(old.access) for _ in range(CALLS)]
            await until(lambda: all(call.connected for call in calls))
            town.answers = False
            ringing = town.call(old.access)
            await until(lambda: ringing.inside is not None)
            await asyncio.sleep(0.5)  # so long the version before may have taken to write it down
            await (old.leave() if how == "leave" else old.kill())
            await new.start()
            assert {call.caller.state for call in calls} == {"confirmed"}
            status = await new.get("/v1/status")
            assert status["calls"] == CALLS
            assert (await ringing.caller.answered(PATIENCE_S)).status == 480
            assert ringing.inside is not None and await ringing.inside.ended(PATIENCE_S) == "cancelled by the peer"
            for call in calls:
                await changed(call)
                outcome = await call.caller.hang_up(PATIENCE_S)
                assert outcome is not None and outcome.accepted and call.inside is not None
                assert await call.inside.ended(PATIENCE_S) == "the peer sent BYE"
            assert await left_at_last(new, PATIENCE_S) == []
        finally:
            ended = await new.stop()
            await old.stop()
            await town.stop()
        assert ended == 0
