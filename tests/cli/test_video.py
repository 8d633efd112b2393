"""splitter raise, drop, bind, show, snapshot: what a desk can do with a call, from the command line."""

from __future__ import annotations

from pathlib import Path

from splitter.calls.asks import Bind, Denial, DropVideo, RaiseVideo, Show, TakeSnapshot
from splitter.media.engine import Snapshot
from tests.cli.kit import served
from tests.web.kit import CALL


async def test_each_command_asks_what_it_says(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[TakeSnapshot] = Snapshot(b"png", 4, 4, 12.5)
        assert "asked for video" in (await command("raise", "4711")).stdout
        assert "asked for video" in (await command("raise", "4711", "--else-link")).stdout
        assert (await command("raise", "4711", "phone-1", "--else-link")).exit_code == 2, "a link is for the caller"
        assert "goes back to voice" in (await command("drop", "4711")).stdout
        assert (await command("bind", "4711", "8002")).exit_code == 0
        assert "no desk's" in (await command("bind", "4711", "--off")).stdout
        assert (
            "desk-2 is shown slate (the waiting picture)"
            in (await command("show", "4711", "slate", "--to", "desk-2")).stdout
        )
        assert "caller is shown auto" in (await command("show", "4711", "auto")).stdout
        file = tmp_path / "shot.png"
        assert f"{file}: 3 bytes" in (await command("snapshot", "4711", "-o", str(file))).stdout
        assert file.read_bytes() == b"png"
        asked = [ask for _, ask in parts.calls.asked]
    assert asked[:2] == [RaiseVideo(asked[0].by), RaiseVideo(asked[0].by, "")]
    del asked[0]
    assert [type(ask) for ask in asked] == [RaiseVideo, DropVideo, Bind, Bind, Show, Show, TakeSnapshot]
    assert isinstance(asked[2], Bind) and asked[2].extension == "8002"
    assert isinstance(asked[3], Bind) and asked[3].extension == ""
    assert isinstance(asked[4], Show) and (asked[4].viewer, asked[4].source) == ("desk-2", "slate")
    assert isinstance(asked[5], Show) and (asked[5].viewer, asked[5].source) == ("caller", "")


async def test_what_the_gateway_refuses_is_said(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[RaiseVideo] = Denial(409, "asking", "the caller is being asked already")
        refused = await command("raise", "4711")
        assert refused.exit_code == 1 and "is being asked already" in refused.stderr
        assert (await command("show", "nobody", "slate")).exit_code == 1
        assert (await command("bind", "4711")).exit_code == 2, "whom it is for"
        assert (await command("bind", "4711", "8002", "--off")).exit_code == 2


async def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[TakeSnapshot] = Snapshot(b"png", 4, 4, 12.5)
        failed = await command("snapshot", "4711", "-o", str(tmp_path / "none" / "x.png"))
        assert failed.exit_code == 1 and "cannot be written" in failed.stderr
