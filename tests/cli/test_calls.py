from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from splitter.calls.states import PartyKind, PartyState, VideoState
from splitter.calls.view import CarriedView, PartyView, StrangerView, VideoView
from splitter.media.ports.health import InstanceStatus
from tests.cli.kit import Command, splitter
from tests.web.kit import CALL, Gateway, ended

AT_A_DESK = replace(
    CALL,
    extension="8002",
    bound_by="centre p-asserted-identity",
    video=VideoView(VideoState.ASKING, "refused", "the caller declined", supported=True),
    showing="seat-2",
    parties=(
        PartyView("seat-1", PartyKind.WEBRTC, "8001", "tab-9", PartyState.LEFT),
        PartyView("seat-2", PartyKind.WEBRTC, "8002", "tab-1", PartyState.CONNECTED, sends=True, showing="caller"),
    ),
)


class TestCalls:
    async def test_a_table_of_those_alive(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        result = await command("calls")
        assert result.exit_code == 0
        head, line = result.stdout.splitlines()
        assert head.split()[:6] == ["ID", "CODE", "STATE", "FOR", "CALLER", "CALLED"]
        assert line.split()[:3] == ["7kq2m0000000", "4711", "connected"]
        assert "13800138000  110     pbx     -      off    slate" in line
        assert line.endswith("caller, centre")

    async def test_whose_they_are_and_who_is_in_the_room(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(AT_A_DESK)
        _, line = (await command("calls")).stdout.splitlines()
        assert "pbx     8002   asking  seat-2" in line
        assert line.endswith("caller, centre, seat-2"), "who left is not listed, nor is a SIP seat twice"

    async def test_none_is_said(self, parts: Gateway, command: Command) -> None:
        assert (await command("calls")).stdout == "no calls\n"
        assert (await command("calls", "--ended")).stdout == "no call has ended yet\n"
        assert json.loads((await command("calls", "--json")).stdout) == []

    async def test_json_is_a_list_of_views(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        (call,) = json.loads((await command("calls", "--json")).stdout)
        assert (call["call_id"], call["legs"][1]["trunk"], call["ended_at"]) == (CALL.call_id, "pbx", None)

    async def test_ended_ones_tell_why(self, parts: Gateway, command: Command) -> None:
        parts.save(ended(CALL), ended(replace(CALL, call_id="refused", answered_at=None, started_at=999.0)))
        _, first, second = (await command("calls", "--ended")).stdout.splitlines()
        assert first.startswith("7kq2m0000000") and "1:00" in first and first.endswith("200     the caller hung up")
        assert second.startswith("refused")
        assert len((await command("calls", "--ended", "--limit", "1")).stdout.splitlines()) == 2

    async def test_ended_ones_tell_who_was_seen_and_by_whom(self, parts: Gateway, command: Command) -> None:
        carried = (CarriedView("caller", "video", 900, 900), CarriedView("seat-2", "video", 0, 900))
        parts.save(ended(replace(AT_A_DESK, carried=carried)), ended(replace(CALL, call_id="other", extension="8009")))
        head, line = (await command("calls", "--ended", "--agent", "8002")).stdout.splitlines()
        assert line[head.index("AGENT") :].startswith("8002   caller only  200")


class TestRecords:
    def keep(self, parts: Gateway) -> None:
        carried = (CarriedView("caller", "audio", 9, 9), CarriedView("centre", "audio", 9, 9))
        busy = replace(ended(CALL), call_id="other", started_at=900.0, answered_at=None, end_status=486)
        parts.save(ended(replace(AT_A_DESK, carried=carried)), busy)

    async def test_as_csv_have_a_head_and_a_line_each(self, parts: Gateway, command: Command) -> None:
        self.keep(parts)
        head, *lines = (await command("calls", "--ended", "--csv")).stdout.splitlines()
        assert head.startswith("call_id,node,direction,caller,called,trunk,route,agent,")
        assert [line.split(",")[9] for line in lines] == ["answered", "busy"]
        none = await command("calls", "--ended", "--csv", "--agent", "999")
        assert none.stdout.splitlines() == [head], "an empty list is a list"

    async def test_as_json_lines_are_an_object_each(self, parts: Gateway, command: Command) -> None:
        self.keep(parts)
        lines = (await command("calls", "--ended", "--jsonl", "--outcome", "busy")).stdout.splitlines()
        assert [json.loads(line)["call_id"] for line in lines] == ["other"]

    async def test_in_the_table_say_why_no_picture_was_seen(self, parts: Gateway, command: Command) -> None:
        self.keep(parts)
        head, line, _ = (await command("calls", "--ended")).stdout.splitlines()
        assert line[head.index("VIDEO") :].startswith("none ")
        assert "the caller declined" in line[head.index("NO PICTURE BECAUSE") :]

    async def test_are_of_a_time(self, parts: Gateway, command: Command) -> None:
        self.keep(parts)
        since = "1970-01-01T00:15:30+00:00"
        lines = (await command("calls", "--ended", "--jsonl", "--since", since)).stdout.splitlines()
        assert [json.loads(line)["call_id"] for line in lines] == [CALL.call_id]
        assert (await command("calls", "--ended", "--since", "2h")).stdout == "no call like that has ended\n"
        wrong = await command("calls", "--ended", "--since", "soon")
        assert wrong.exit_code == 2 and "is no time" in wrong.stderr

    async def test_are_of_ended_calls(self, command: Command) -> None:
        assert (await command("calls", "--csv")).exit_code == 2


class TestQuality:
    async def test_of_the_voice_stands_below_the_call(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        came = CarriedView("caller", "audio", 990, 500, 10, 3, jitter_ms=2.5, mos=4.31)
        went = replace(came, round_trip_ms=80.0, lost_there=5, jitter_there_ms=4.0, mos_there=4.2)
        parts.calls.counted = (went, replace(came, name="centre"))
        lines = (await command("call", CALL.call_id)).stdout.splitlines()
        to_it = ["500", "1.0%", "4", "ms", "4.20", "3"]
        assert lines[-2].split() == ["caller", "audio", "80", "ms", "990", "1.0%", "2.5", "ms", "4.31", *to_it]
        untold = ["centre", "audio", "-", "990", "1.0%", "2.5", "ms", "4.31", "500", "-", "-", "-", "3"]
        assert lines[-1].split() == untold

    async def test_of_voice_and_picture_together_is_said(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        parts.calls.counted = (CarriedView("caller", "video", 9, 9, skew_ms=-60.0, skew_uncertainty_ms=33.0),)
        lines = (await command("call", CALL.call_id)).stdout.splitlines()
        assert lines[-1] == "the picture of the caller comes 60 ms earlier than the voice, give or take 33 ms"


class TestWhy:
    async def test_is_a_sentence_on_each_with_its_proof(self, parts: Gateway, command: Command) -> None:
        carried = (CarriedView("caller", "audio", 0, 9), CarriedView("centre", "audio", 9, 0))
        parts.calls.add(CALL)
        parts.begin()
        parts.recorder.event(CALL.call_id, "", "media", "voice: 0 packets from the caller, 9 from the centre")
        parts.calls.views.clear()
        parts.save(ended(replace(CALL, carried=carried)))
        lines = (await command("why", CALL.call_id)).stdout.splitlines()
        assert lines[0] == f"call {CALL.call_id}"
        assert lines[2] == "No voice came from the caller, and 9 packets from the centre."
        assert lines[3].endswith("-  media  voice: 0 packets from the caller, 9 from the centre")

    async def test_of_a_number_is_of_its_latest_call(self, parts: Gateway, command: Command) -> None:
        parts.save(ended(CALL))
        assert f"call {CALL.call_id}" in (await command("why", CALL.caller)).stdout
        assert json.loads((await command("why", CALL.caller, "--json")).stdout)["call_id"] == CALL.call_id

    async def test_of_a_call_that_is_not_there_says_so(self, parts: Gateway, command: Command) -> None:
        result = await command("why", "999")
        assert result.exit_code == 1 and "there is no call 999" in result.stderr


class TestCall:
    async def test_one_call_and_its_legs(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        text = (await command("call", "4711")).stdout
        assert "call        7kq2m0000000  (short code 4711)" in text
        assert "caller sees slate (the waiting picture)" in text
        assert "ended" not in text
        legs = text.split("\n\n")[1].splitlines()
        assert legs[1].split()[:4] == ["caller", "confirmed", "sbc", "10.0.0.1:5060"]
        assert "H264 42c01f mode 1 sendrecv" in legs[1]
        assert json.loads((await command("call", "7kq", "--json")).stdout)["short_code"] == "4711"

    async def test_whose_it_is_and_who_is_in_the_room(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(AT_A_DESK)
        text = (await command("call", "4711")).stdout
        assert "agent       8002  (by centre p-asserted-identity)" in text
        assert "video       asking; last asked: refused (the caller declined); the handset can" in text
        titles, *room = text.split("\n\n")[2].splitlines()
        assert titles.split()[:4] == ["IN", "THE", "ROOM", "KIND"]
        assert room[1].split() == ["seat-2", "webrtc", "8002", "connected", "picture", "caller", "tab-1"]

    async def test_whose_media_are_not_taken(self, parts: Gateway, command: Command) -> None:
        stranger = StrangerView("caller", "audio", "203.0.113.9:4000", "10.0.0.1:40000", 101)
        parts.calls.add(replace(CALL, strangers=(stranger,)))
        text = (await command("call", "4711")).stdout
        assert "not taken   voice of the caller from 203.0.113.9:4000: SDP names 10.0.0.1:40000" in text

    async def test_an_ended_one_tells_why(self, parts: Gateway, command: Command) -> None:
        parts.save(ended(CALL))
        assert "200: the caller hung up" in (await command("call", "7kq")).stdout

    async def test_an_unknown_one_is_a_plain_refusal(self, parts: Gateway, command: Command) -> None:
        result = await command("call", "nobody")
        assert (result.exit_code, result.stderr) == (1, "there is no call nobody\n")


class TestHangup:
    async def test_ends_the_call_that_is_named(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL)
        result = await command("hangup", "4711")
        assert (result.exit_code, result.stdout) == (0, f"hanging up {CALL.call_id}\n")
        assert [call_id for call_id, _ in parts.calls.hung_up] == [CALL.call_id]

    async def test_several_are_none(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(CALL, replace(CALL, call_id="7kq9", short_code="1"))
        result = await command("hangup", "7kq")
        assert result.exit_code == 1
        assert "several calls" in result.stderr
        assert parts.calls.hung_up == []


class TestStatus:
    async def test_at_a_glance(self, parts: Gateway, command: Command) -> None:
        result = await command("status")
        assert result.exit_code == 0
        assert result.stdout.startswith("splitter 0.1.0: running\n")
        assert "workers       2 of 2 up" in result.stdout
        assert "pictures      native" in result.stdout
        assert "listens       access udp 10.0.0.9:5060" in result.stdout

    async def test_the_kernel_where_it_forwards_voice(self, parts: Gateway, command: Command) -> None:
        assert "kernel" not in (await command("status")).stdout
        parts.in_kernel = 12
        assert "kernel        forwards 12 directions of voice" in (await command("status")).stdout
        parts.no_offload = "not allowed"
        assert "kernel        cannot forward voice: not allowed" in (await command("status")).stdout

    async def test_rtpengines_where_there_are_some(self, parts: Gateway, command: Command) -> None:
        parts.rtpengines = (
            InstanceStatus("one", "10.1.0.30:2223", "up", 1, 12),
            InstanceStatus("two", "10.1.0.31:2223", "down", 1, 0),
        )
        shown = (await command("status")).stdout
        assert "rtpengine     one at 10.1.0.30:2223: up, 12 relays\n" in shown
        assert "rtpengine     two at 10.1.0.31:2223: down, 0 relays\n" in shown

    async def test_an_alarm_is_shown_and_is_the_exit_code(self, parts: Gateway, command: Command) -> None:
        parts.alarms = ("store full",)
        result = await command("status")
        assert result.exit_code == 1
        assert "ALARM         store full" in result.stdout
        result = await command("status", "--json")
        assert (result.exit_code, json.loads(result.stdout)["alarms"]) == (1, ["store full"])


class TestNotRunning:
    def test_every_command_says_so_and_exits_3(self, tmp_path: Path) -> None:
        path = str(tmp_path / "none.sock")
        for arguments in (["calls"], ["call", "1"], ["trace", "1"], ["hangup", "1"], ["status"]):
            result = splitter("--socket", path, *arguments)
            assert result.exit_code == 3
            assert (
                result.stderr
                == f"splitter is not running: {path}: No such file or directory (another socket? --socket PATH)\n"
            )

    def test_a_gateway_that_hangs_up_on_us_exits_3(self, tmp_path: Path) -> None:
        import socket
        import threading

        path = str(tmp_path / "c.sock")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
            result = splitter("--socket", path, "calls")
        assert result.exit_code == 3
        assert "does not answer" in result.stderr


class TestWhichSocket:
    def test_the_configuration_files_is_the_default(self, tmp_path: Path) -> None:
        (tmp_path / "s.toml").write_text('[gateway]\ncontrol_socket = "mine.sock"\n')
        config = str(tmp_path / "s.toml")
        assert str(tmp_path / "mine.sock") in splitter("--config", config, "calls").stderr
        assert str(tmp_path / "mine.sock") in splitter("calls", SPLITTER_CONFIG=config).stderr

    def test_the_option_goes_before_everything(self, tmp_path: Path) -> None:
        result = splitter("--socket", "/a.sock", "calls", SPLITTER_SOCKET="/b.sock")
        assert "/a.sock" in result.stderr
        assert "/b.sock" in splitter("calls", SPLITTER_SOCKET="/b.sock").stderr

    def test_a_broken_configuration_means_the_built_in_default(self, tmp_path: Path) -> None:
        (tmp_path / "s.toml").write_text("[gateway\n")
        result = splitter("--config", str(tmp_path / "s.toml"), "calls")
        # the machine may run a gateway of its own; then there is an answer
        assert result.exit_code == 0 or "/run/splitter/control.sock" in result.stderr


class TestSeveralGateways:
    async def test_are_named_beside_their_calls(self, parts: Gateway, command: Command) -> None:
        parts.calls.add(replace(CALL, node="b"))
        head, row = (await command("calls")).stdout.splitlines()
        assert head.split()[-1] == "NODE" and row.split()[-1] == "b"
        parts.calls.add(CALL)
        assert "NODE" not in (await command("calls")).stdout
