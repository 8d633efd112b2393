"""splitter host, remove: what desks can do about a call's video, from the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splitter.calls.asks import Denial, HandOver, Remove, Show
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import PartyView
from tests.cli.kit import served
from tests.web.kit import CALL

EXPERT = PartyView("expert-1", PartyKind.EXPERT, "", "phone", PartyState.CONNECTED, True, "caller", "Dr Li")


async def test_chooses_whom_the_caller_sees_and_who_is_the_host(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(replace(CALL, parties=(EXPERT,)))
        assert (await command("show", "4711", "speaker")).exit_code == 0
        assert (await command("show", "4711", "mosaic", "--of", "desk-1", "--of", "expert-1")).exit_code == 0
        assert "8002 is the host" in (await command("host", "4711", "8002")).stdout
        assert "expert-1 is removed" in (await command("remove", "4711", "expert-1")).stdout
        asks = [ask for _, ask in parts.calls.asked]
        by = "the operator"
        assert asks == [
            Show("speaker", by),
            Show("mosaic", by, of=("desk-1", "expert-1")),
            HandOver("8002", by),
            Remove("expert-1", by),
        ]
        assert "Dr Li" in (await command("call", "4711")).stdout


async def test_a_refusal_is_plain(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[HandOver] = Denial(
            409, "not-in-call", "only a desk that is in the video can be made the host"
        )
        refused = await command("host", "4711", "8002")
        assert refused.exit_code == 1 and "only a desk that is in the video" in refused.stderr
