"""The lab's centre on each of its stacks: it queues with early media, answers, holds and hangs up."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from splitter.lab.centre.stacks import Stack
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, Scene, hang_up, until
from tests.interop.sipp import TOLD
from tests.lab.centres import STACKS, must_be_there
from tests.patience import patient

pytestmark = pytest.mark.interop

QUEUE_TONE, AGENT_TONE = 550.0, 770.0


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Each call here ends well, and leaves nothing behind."""
    return shared_gateway


class Centre:
    """The lab's centre process, spoken to line by line."""

    def __init__(self, host: str, stack: Stack, **plan: Any) -> None:
        fields = {"queue_hz": QUEUE_TONE, "agent_hz": AGENT_TONE, "listen_hz": [CALLER_TONE], **plan}
        command = [
            sys.executable,
            "-m",
            "splitter.lab.centre",
            "--stack",
            stack,
            "--listen",
            f"{host}:5060",
            "--plan",
            json.dumps(fields),
        ]
        self._popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, name: str, usual_s: float = 10.0) -> dict[str, Any]:
        """The next event of that name."""
        while True:
            event = self._lines.get(timeout=patient(usual_s))
            self.events.append(event)
            if event["event"] == name:
                return event

    def do(self, **command: Any) -> None:
        """Send a command."""
        assert self._popen.stdin
        self._popen.stdin.write(json.dumps(command) + "\n")
        self._popen.stdin.flush()

    def heard(self) -> float:
        """Seconds of the caller's tone in its first call."""
        self.do(do="report")
        calls = self.wait_for("report")["calls"]
        return float(calls[0]["heard"].get(f"{CALLER_TONE:g}", 0.0)) if calls else 0.0

    def stop(self) -> None:
        """End it."""
        assert self._popen.stdin
        self._popen.stdin.close()
        try:
            self._popen.wait(patient(5))
        finally:
            self._popen.kill()

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            if line.startswith("{"):
                self._lines.put(json.loads(line))


@pytest.fixture(params=STACKS)
def centre(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[Centre]:
    """A centre that queues for a second and a half."""
    centre = Centre(gateway.desk.centre, must_be_there(request.param), queue_s=1.5)
    try:
        centre.wait_for("ready")
        yield centre
        assert not [event for event in centre.events if event["event"] == "error"], centre.events
    finally:
        centre.stop()


class TestCall:
    def test_queue_then_agent_are_heard_and_the_centre_hears_the_caller(
        self, gateway: Gateway, centre: Centre, scene: Scene
    ) -> None:
        voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
        caller = scene.caller("caller-hangs-up", held_ms=TOLD)
        invite = centre.wait_for("invite")
        assert not invite["video"] and len(invite["media"]) == 1, invite["media"]
        voice.talk_to(until(caller, "INVITE", 183).sdp.address_of(0))
        eventually(lambda: voice.hears(QUEUE_TONE), "the queue is heard early", 5, voice.in_words)
        until(caller, "INVITE", 200)
        eventually(lambda: voice.hears(AGENT_TONE), "the agent is heard", 5, voice.in_words)
        eventually(lambda: centre.heard() > 0.5, "the centre hears the caller", 5)
        hang_up(caller)
        assert centre.wait_for("ended")["status"] == 200

    def test_the_centre_hangs_up(self, gateway: Gateway, centre: Centre, scene: Scene) -> None:
        caller = scene.caller("caller-waits")
        number = centre.wait_for("invite")["call"]
        until(caller, "INVITE", 200)
        centre.do(do="hangup", call=number)
        caller.finish()
        centre.wait_for("ended")

    def test_the_caller_gives_up_in_the_queue(self, gateway: Gateway, centre: Centre, scene: Scene) -> None:
        caller = scene.caller("caller-cancels-after-183")
        caller.finish()
        assert centre.wait_for("ended")["status"] == 487

    def test_busy(self, gateway: Gateway, centre: Centre, scene: Scene) -> None:
        centre.do(do="plan", status=486, queue_s=0)
        centre.wait_for("planned")
        caller = scene.caller("caller-refused", status="486")
        caller.finish()
        centre.wait_for("ended")


class TestHold:
    def test_by_the_centre(self, gateway: Gateway, centre: Centre, scene: Scene) -> None:
        voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
        caller = scene.caller("caller-held", answer2="transcoded-held", answer3="transcoded-resumed", rest_ms=TOLD)
        number = centre.wait_for("invite")["call"]
        voice.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        until(caller, "ACK", sent=True)
        centre.do(do="hold", call=number)
        held = until(caller, "INVITE")
        assert held.sdp.media[0].direction == "sendonly" and held.sdp.kinds == ("audio", "video")
        eventually(lambda: len([m for m in caller.messages() if m.sent and m.method == "ACK"]) >= 1, "held")
        eventually(
            lambda: len([m for m in caller.messages() if not m.sent and m.first_line.startswith("ACK")]) == 1, "ACK"
        )
        voice.forget()
        centre.do(do="resume", call=number)
        eventually(lambda: voice.seconds(AGENT_TONE), "the agent is heard again", 5, voice.in_words)
        caller.go_on(until(caller, "ACK", times=2))
        caller.finish()
        centre.wait_for("ended")

    def test_by_the_caller(self, gateway: Gateway, centre: Centre, scene: Scene) -> None:
        voice = scene.voice(scene.desk.caller, 7000, CALLER_TONE)
        caller = scene.caller("caller-holds", offer2="transcoded-hold", offer3="transcoded-resume", held_ms=300)
        voice.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        caller.finish()
        answers = [m.sdp.media[0].direction for m in caller.messages() if (m.method, m.status) == ("INVITE", 200)]
        assert answers == ["sendrecv", "recvonly", "sendrecv"]
        centre.wait_for("ended")
        assert [event["video"] for event in centre.events if event["event"] == "reinvite"] == [False, False]
