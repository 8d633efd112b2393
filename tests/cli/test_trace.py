from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from splitter.store import schema
from splitter.telemetry import golden
from splitter.web.calls import traces
from tests.cli.kit import SPLITTER, Command
from tests.telemetry.kit import AUDIO, FLOW, message
from tests.telemetry.test_pcap import read as pcap
from tests.web.kit import CALL, Gateway, cannot_open, ended


def a_call(parts: Gateway) -> None:
    """Caller and centre, one message of each, and a state."""
    parts.calls.add(CALL)
    parts.begin()
    parsed, raw = message("INVITE sip:110@10.1.0.20 SIP/2.0", "b@y", sdp=AUDIO)
    parts.recorder.bind("b@y", CALL.call_id, "centre")
    parts.clock.time += 0.25
    parts.recorder.message("out", FLOW, parsed, raw)


class TestLadder:
    async def test_is_drawn_over_all_legs(self, parts: Gateway, command: Command) -> None:
        a_call(parts)
        result = await command("trace", "4711")
        assert result.exit_code == 0
        head, invite, state, out = result.stdout.splitlines()
        assert head.split() == ["wall", "clock", "elapsed", "caller", "splitter", "centre"]
        assert (
            "│─── INVITE ──▶│              │  110; offer: audio AMR-WB/107 PCMA/8 dtmf/101 → 10.0.0.1:31018" in invite
        )
        assert "●" in state and state.endswith("state: routing to pbx")
        assert "+0.250" in out and "│              │─── INVITE ──▶│" in out
        assert "\x1b" not in result.stdout

    async def test_width_wraps(self, parts: Gateway, command: Command) -> None:
        a_call(parts)
        lines = (await command("trace", "4711", "--width", "100")).stdout.splitlines()
        assert max(map(len, lines)) <= 100
        assert len(lines) > 4

    @pytest.mark.parametrize("number", ["13800138000", "0138000", "110"])
    async def test_a_number_names_its_latest_call(self, number: str, parts: Gateway, command: Command) -> None:
        a_call(parts)
        parts.save(ended(replace(CALL, call_id="older", started_at=1.0)))
        assert "routing to pbx" in (await command("trace", number)).stdout

    async def test_nobody_by_that_name_or_number(self, parts: Gateway, command: Command) -> None:
        result = await command("trace", "999")
        assert (result.exit_code, result.stderr) == (1, "there is no call 999, and none from or to this number\n")

    async def test_a_call_of_which_nothing_is_kept(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        result = await command("trace", "4711")
        assert (result.exit_code, result.stderr) == (1, "nothing is kept of this call\n")

    async def test_a_store_that_is_down_is_told(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, command: Command
    ) -> None:
        a_call(parts)
        monkeypatch.setattr(schema, "open_for_reading", cannot_open)
        result = await command("trace", "4711")
        assert result.exit_code == 1
        assert "the store cannot be read" in result.stderr


class TestRaw:
    async def test_is_a_golden_file(self, parts: Gateway, command: Command) -> None:
        a_call(parts)
        text = (await command("trace", "4711", "--raw")).stdout
        events = golden.load(text, CALL.call_id)
        kept = await parts.store.trace(CALL.call_id)
        assert [replace(event, at=0) for event in events] == [replace(event, at=0) for event in kept]
        assert "  INVITE sip:110@10.0.0.9 SIP/2.0\n" in text


class TestPcap:
    async def test_is_a_file_for_its_owner_alone(self, tmp_path: Path, parts: Gateway, command: Command) -> None:
        file = tmp_path / "call.pcap"

        a_call(parts)
        result = await command("trace", "4711", "--pcap", str(file))
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "2 messages written; headers below SIP are made up\n"

        first, second = pcap(file.read_bytes())
        assert first.data.startswith(b"INVITE sip:110@10.0.0.9 SIP/2.0\r\n") and first.source == "10.0.0.1"
        assert second.target == "10.0.0.1" and second.at - first.at == pytest.approx(0.25)
        assert file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("more", ["--raw", "--json"])
    async def test_other_forms_are_no_capture(self, more: str, parts: Gateway, command: Command) -> None:
        assert (await command("trace", "4711", "--pcap", "x.pcap", more)).exit_code == 2

    async def test_a_file_that_cannot_be_written_is_told(
        self, tmp_path: Path, parts: Gateway, command: Command
    ) -> None:
        a_call(parts)
        result = await command("trace", "4711", "--pcap", str(tmp_path / "none" / "call.pcap"))
        assert result.exit_code == 1 and "No such file" in result.stderr

    async def test_nothing_is_kept(self, tmp_path: Path, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        result = await command("trace", "4711", "--pcap", str(tmp_path / "call.pcap"))
        assert (result.exit_code, result.stderr) == (1, "no message is kept of this call\n")
        assert not (tmp_path / "call.pcap").exists()


class TestJson:
    async def test_is_one_event_per_line(self, parts: Gateway, command: Command) -> None:
        a_call(parts)
        events = [json.loads(line) for line in (await command("trace", "4711", "--json")).stdout.splitlines()]
        assert [event["seq"] for event in events] == [1, 2, 3]
        assert events[0]["text"].startswith("INVITE 110; offer: ")
        assert events[0]["data"] == ""
        raw = [json.loads(line) for line in (await command("trace", "4711", "--json", "--raw")).stdout.splitlines()]
        assert raw[0]["data"]


class TestFollow:
    async def test_goes_on_until_the_call_ends(
        self, monkeypatch: pytest.MonkeyPatch, parts: Gateway, command: Command
    ) -> None:
        monkeypatch.setattr(traces, "LAST_MESSAGES_S", 0.05)
        a_call(parts)
        process = await asyncio.create_subprocess_exec(
            *SPLITTER, "--socket", parts.socket, "trace", "4711", "--follow", stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        seen = [(await process.stdout.readline()).decode() for _ in range(4)]
        parts.recorder.event(CALL.call_id, "seat-1", "media", "shown to the caller")
        seen.append((await process.stdout.readline()).decode())
        parts.end()
        seen += [line.decode() async for line in process.stdout]
        assert await process.wait() == 0
        assert "seat-1" in seen[0]
        assert "shown to the caller" in seen[4]
        assert "BYE" in seen[5]
