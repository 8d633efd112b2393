"""splitter trunks and /v1/trunks, over a real control socket."""

from __future__ import annotations

import json
from dataclasses import replace

from splitter.calls.view import TargetView, TrunkView
from tests.cli.kit import Command
from tests.web.kit import Gateway

UP = TrunkView(
    name="pbx",
    role="centre",
    state="up",
    reason="answers; 1 of 2 servers",
    since=1000.0,
    calls=3,
    max_calls=30,
    calls_per_s=2.5,
    address="pbx.example.com",
    latency_ms=12.3,
    jitter_ms=0.0,
    targets=(
        TargetView("udp 10.1.0.20:5060", "up", "answers", 1000.0, 12.3, 0.0),
        TargetView("tcp 10.1.0.21:5060", "down", "OPTIONS: no answer in 2 s", 1000.0, None, None),
    ),
)
BARE = TrunkView("sbc", "access", "up", "has no address to watch", 1000.0, 0, 0, 0.0, "", None, None, ())


class TestTrunks:
    async def test_a_line_per_trunk(self, parts: Gateway, command: Command) -> None:
        parts.trunks = [UP, BARE]
        result = await command("trunks")
        assert result.exit_code == 0
        head, first, second = result.stdout.splitlines()
        assert head.split()[:5] == ["TRUNK", "ROLE", "STATE", "SINCE", "CALLS"]
        assert first.split()[:3] == ["pbx", "centre", "up"]
        assert "3 of 30  2.5         12.3     0       pbx.example.com  answers; 1 of 2 servers" in first
        assert second.split()[:3] == ["sbc", "access", "up"]
        assert "0        -           -        -       -" in second

    async def test_with_our_registrations_where_there_are_any(self, parts: Gateway, command: Command) -> None:
        parts.trunks = [replace(UP, registration="failed: 403 Forbidden"), BARE]
        head, first, second = (await command("trunks")).stdout.splitlines()
        assert head.endswith("REGISTRATION")
        assert first.endswith("failed: 403 Forbidden") and second.endswith("-")

    async def test_a_line_per_server(self, parts: Gateway, command: Command) -> None:
        parts.trunks = [UP, BARE]
        _, first, second = (await command("trunks", "--servers")).stdout.splitlines()
        assert first.startswith("pbx    udp 10.1.0.20:5060  up")
        assert second.startswith("pbx    tcp 10.1.0.21:5060  down")
        assert second.endswith("OPTIONS: no answer in 2 s")

    async def test_json_is_the_whole_view(self, parts: Gateway, command: Command) -> None:
        parts.trunks = [UP]
        (trunk,) = json.loads((await command("trunks", "--json")).stdout)
        assert (trunk["state"], trunk["latency_ms"], trunk["targets"][1]["state"]) == ("up", 12.3, "down")
