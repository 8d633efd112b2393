"""Asterisk's queue as the centre: the gateway knows which agent picked up, and to whom a call was transferred."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.interop.asterisk import Asterisk
from tests.interop.events import EventLog, Frame
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene, hang_up, pick_up, until
from tests.interop.sipp import TOLD, Sipp
from tests.patience import patient

pytestmark = pytest.mark.interop

KNOWN_WITHIN_S = 1.0


@pytest.fixture
def asterisk(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    """Asterisk beside a gateway, with both agents in its queue; the parameter is the header that names them."""
    with Asterisk(gateway.desk, rpid=getattr(request, "param", "") == "remote-party-id") as asterisk:
        member = "Local/8002@agents/n to support penalty 0 as Agent8002 state_interface PJSIP/8002"
        asterisk.command(f"queue add member {member}")
        assert "Agent8002" in asterisk.command("queue show support")
        yield asterisk
        eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)


@pytest.fixture
def events(gateway: Gateway) -> Iterator[EventLog]:
    """What the gateway tells at its event socket."""
    with EventLog(gateway.folder) as log:
        yield log


def phone(scene: Scene, extension: str, scenario: str, **more: Any) -> Sipp:
    """An agent's phone."""
    host = {"8001": scene.desk.agent, "8002": scene.desk.colleague}[extension]
    return scene.centre(scenario, name=f"phone-{extension}", host=host, **more)


def bound_to(extension: str) -> Callable[[Frame], bool]:
    """Tells the frame of a call that has this extension."""
    return lambda frame: frame.data["type"] == "call" and frame.data["call"]["extension"] == extension


class TestQueue:
    @pytest.mark.parametrize("asterisk", ["p-asserted-identity", "remote-party-id"], indirect=True)
    def test_the_agent_who_picks_up_has_the_call_within_a_second(
        self, gateway: Gateway, asterisk: Asterisk, scene: Scene, events: EventLog, request: pytest.FixtureRequest
    ) -> None:
        header = request.node.callspec.params["asterisk"]
        other = phone(scene, "8001", "centre-is-given-up", ring_ms=100)
        picks_up = phone(scene, "8002", "centre-answers", ring_ms=TOLD)
        caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD)
        until(picks_up, "INVITE")
        assert [call["extension"] for call in events.calls()][-1:] == [""], "nobody has it while it rings in the queue"
        pick_up(picks_up)
        until(picks_up, "ACK")
        picked_up = time.monotonic()
        found = events.until(bound_to("8002"), "the call is bound to 8002", 5)
        assert found.at - picked_up < patient(KNOWN_WITHIN_S)
        assert (found.data["call"]["state"], found.data["call"]["bound_by"]) == ("connected", f"centre {header}")
        assert gateway.calls()[0]["extension"] == "8002"
        eventually(lambda: events.notices("no-video-client"), "the desk without a client is told of")
        assert "8002" in events.notices("no-video-client")[0]["text"]
        hang_up(caller)
        picks_up.finish()
        other.finish()
        assert "8001" not in [call["extension"] for call in events.calls()]
        assert gateway.metric("splitter_bindings_total") == 1


class TestTransfer:
    def test_the_call_goes_to_the_colleague(
        self, gateway: Gateway, asterisk: Asterisk, scene: Scene, events: EventLog
    ) -> None:
        asterisk.command("queue remove member Local/8002@agents/n from support")
        colleague = phone(scene, "8002", "centre-answers")
        refer_to = f"sip:8002@{scene.desk.centre}"
        agent = phone(scene, "8001", "agent-transfers", held_ms=TOLD, refer_to=refer_to)
        caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD)
        events.until(bound_to("8001"), "the call is bound to 8001")
        agent.go_on(until(agent, "ACK"))
        until(colleague, "ACK")
        picked_up = time.monotonic()
        found = events.until(bound_to("8002"), "the call is bound to 8002", 5)
        assert found.at - picked_up < patient(KNOWN_WITHIN_S)
        agent.finish()
        hang_up(caller)
        colleague.finish()
        bound = [call["extension"] for call in events.calls()]
        assert [extension for extension, before in zip(bound, ["", *bound], strict=False) if extension != before] == [
            "8001",
            "8002",
        ]
