"""The first hour of docs/first-hour.md, played: `splitter init`, Asterisk from sipconf, a video call, the agent's desk."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.gateway import SPLITTER, Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLED, Scene, hang_up, until
from tests.interop.sipp import TOLD
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.interop


class FromInit(Gateway):
    """A gateway with the configuration that `splitter init` writes.

    Attributes:
        said: what it printed.
    """

    said = ""

    def configuration(self) -> str:
        desk, file = self.desk, self.folder / "splitter.toml"
        command = [SPLITTER, "init", str(file), "--sbc", desk.caller, "--centre", desk.centre, "--outer", desk.access]
        command += ["--inner", desk.core, "--agent", "8001", "--numbers", CALLED, "--folder", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        self.said = done.stdout
        return file.read_text()

    @property
    def password(self) -> str:
        """The one that the agent was given."""
        return self.said.partition("agent 8001, password ")[2].split()[0]


@pytest.fixture
def first(desk: Desk) -> Iterator[FromInit]:
    gateway = FromInit(desk)
    try:
        gateway.start()
        yield gateway
        gateway.must_be_sound()
        gateway.must_be_idle()
        gateway.stop()
    finally:
        gateway.process.kill()
        gateway.remove()


class TestFirstHour:
    def test_the_first_call_is_that_of_the_agent_who_picks_up(self, first: FromInit, scene: Scene) -> None:
        with Asterisk(first.desk) as asterisk:
            phone = scene.centre("centre-answers", name="phone-8001", host=first.desk.agent, ring_ms=200)
            caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD)
            until(phone, "ACK")
            eventually(lambda: first.calls() and first.calls()[0]["extension"] == "8001", "8001 has it", 5)
            [call] = first.calls()
            assert call["video"]["state"] == "on" and call["bound_by"] == "centre p-asserted-identity"
            assert "Video was agreed on" in first.cli("why", CALLED)  # SIPp sends none
            assert "up" in [line.split()[2] for line in first.cli("trunks").splitlines() if line.startswith("pbx")]
            hang_up(caller)
            phone.finish()
            eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)

    def test_the_agent_can_log_in(self, first: FromInit) -> None:
        context = ssl.create_default_context(cafile=str(first.folder / "desk.pem"))
        request = urllib.request.Request(
            f"https://{first.desk.core}:8443/v1/login",
            json.dumps({"user": "8001", "password": first.password}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as answer:
            assert answer.status == 200 and json.load(answer)["token"]
