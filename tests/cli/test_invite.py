"""splitter invite: what the console can do, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from splitter.calls.logins.access import ApiSettings
from tests.cli.kit import served
from tests.web.kit import CALL

PAGE = ApiSettings(guest_url="https://video.example/guest/")


async def test_makes_lists_and_takes_back_a_link(tmp_path: Path) -> None:
    async with served(tmp_path, settings=PAGE) as (parts, command):
        parts.calls.add(CALL)
        made = await command("invite", "4711", "--to", "+8613900139000")
        link, told = made.stdout.splitlines()[-2:]  # behind what the gateway of this process logs
        assert made.exit_code == 0 and link.startswith("https://video.example/g/")
        key, _, why = told.partition(": ")
        assert "tell the caller the link" in why
        listed = await command("invite", "7kq", "--list")
        assert key in listed.stdout and "0/1" in listed.stdout
        assert f"{key} lets nobody in any longer" in (await command("invite", "4711", "--revoke", key)).stdout
        [one] = json.loads((await command("invite", "4711", "--list", "--json")).stdout)
        assert one["holds"] is False


async def test_a_refusal_is_plain(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        refused = await command("invite", "4711")
        assert refused.exit_code == 1 and "api.guest_url is not set" in refused.stderr
