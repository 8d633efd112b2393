"""A third and a fourth voice with real peers: each hears all others and not itself, and they go one by one.

baresip is the handset, Asterisk the centre with the agent and a colleague, SIPp a phone in the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.baresip import HANDSET_TONE, Baresip
from tests.interop.gateway import Gateway, alive
from tests.interop.process import eventually
from tests.interop.scene import CENTRE_PORT, Scene, until
from tests.interop.voice import Voice

pytestmark = pytest.mark.interop

AGENT_TONE, COLLEAGUE_TONE, OUTSIDE_TONE = 770.0, 880.0, 660.0
OUTSIDE = "013900000002"

PHONES = """
[trunk.outside]
role = "access"
network = "access"
address = "{outside}:5060"
peers = ["{outside}"]
options_interval_s = 0

[[route]]
from = "seat"
called = '8[0-9]{{3}}'
to = ["pbx"]

[[route]]
from = "seat"
called = '0[0-9]+'
to = ["outside"]
"""


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], desk: Desk) -> Gateway:
    """A gateway whose agents may invite extensions, and phones in the network."""
    return make_gateway(accounts=PHONES.format(outside=desk.host(11)))


@pytest.fixture
def asterisk(gateway: Gateway) -> Iterator[Asterisk]:
    """Asterisk beside a gateway; when the test is over it holds no channel."""
    with Asterisk(gateway.desk) as asterisk:
        yield asterisk
        eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)


@pytest.fixture
def handset(gateway: Gateway, desk: Desk, tmp_path: Path) -> Iterator[Baresip]:
    """The caller."""
    with Baresip(desk, tmp_path) as handset:
        yield handset


class Phone:
    """A phone that answers: SIPp, and a voice that talks to whoever calls."""

    def __init__(self, scene: Scene, name: str, host: str, tone: float) -> None:
        self.voice = scene.voice(host, CENTRE_PORT, tone)
        self.sipp = scene.centre("centre-answers", name=name, host=host)

    def picked_up(self) -> Voice:
        """Wait until it is called, and talk."""
        self.voice.talk_to(until(self.sipp, "INVITE").sdp.address_of(0))
        until(self.sipp, "ACK")
        return self.voice


Ears = Mapping[float, Callable[[], set[float]]]


def all_hear_each_other(ears: Ears, silent: frozenset[float] = frozenset()) -> None:
    """Each hears the tones of all others, and no other: not its own either."""

    def wrong() -> dict[float, set[float]]:
        heard = {tone: chord() for tone, chord in ears.items()}
        return {tone: one for tone, one in heard.items() if one != set(ears) - {tone} - silent}

    eventually(lambda: not wrong(), f"{sorted(ears)} hear each other", 15, lambda: f"wrong: {wrong()}")


def call(gateway: Gateway) -> dict[str, Any]:
    [found] = gateway.calls()
    return found


class TestFourVoices:
    def test_hear_each_other_and_go_one_by_one(
        self, gateway: Gateway, asterisk: Asterisk, handset: Baresip, scene: Scene
    ) -> None:
        agent = Phone(scene, "agent", scene.desk.agent, AGENT_TONE)
        colleague = Phone(scene, "colleague", scene.desk.colleague, COLLEAGUE_TONE)
        outside = Phone(scene, "outside", scene.desk.host(11), OUTSIDE_TONE)
        handset.call("12345")
        ears: dict[float, Callable[[], set[float]]] = {HANDSET_TONE: handset.chord}
        ears[AGENT_TONE] = agent.picked_up().chord
        all_hear_each_other(ears)

        code = str(call(gateway)["short_code"])
        gateway.cli("invite", code, "--phone", "8002")
        ears[COLLEAGUE_TONE] = colleague.picked_up().chord
        all_hear_each_other(ears)

        gateway.cli("invite", code, "--phone", OUTSIDE)
        ears[OUTSIDE_TONE] = outside.picked_up().chord
        all_hear_each_other(ears)

        gateway.cli("mute", code, "phone-1")
        all_hear_each_other(ears, frozenset({COLLEAGUE_TONE}))
        gateway.cli("mute", code, "phone-1", "--off")

        gateway.cli("remove", code, "phone-2")
        outside.sipp.finish()
        del ears[OUTSIDE_TONE]
        all_hear_each_other(ears)

        gateway.cli("leave", code)
        agent.sipp.finish()
        del ears[AGENT_TONE]
        all_hear_each_other(ears)

        eventually(lambda: call(gateway)["extension"] == "8002", "the colleague has the call")
        assert [one["outcome"] for one in call(gateway)["phones"]] == ["removed", "promoted"]
        handset.hang_up()
        colleague.sipp.finish()
        eventually(lambda: not gateway.calls(), "nothing is left", 5)


class TestADeadWorker:
    def test_leaves_a_mix_that_is_made_anew_at_the_same_ports(
        self, gateway: Gateway, asterisk: Asterisk, handset: Baresip, scene: Scene
    ) -> None:
        agent = Phone(scene, "agent", scene.desk.agent, AGENT_TONE)
        outside = Phone(scene, "outside", scene.desk.host(11), OUTSIDE_TONE)
        handset.call("12345")
        ears: dict[float, Callable[[], set[float]]] = {HANDSET_TONE: handset.chord}
        ears[AGENT_TONE] = agent.picked_up().chord
        gateway.cli("invite", str(call(gateway)["short_code"]), "--phone", OUTSIDE)
        ears[OUTSIDE_TONE] = outside.picked_up().chord
        all_hear_each_other(ears)

        began = time.monotonic()
        lost = gateway.kill_workers()
        eventually(lambda: not any(alive(pid) for pid in lost), "the workers are dead", 8)
        voices = agent.voice, outside.voice
        for voice in voices:
            voice.forget()
        eventually(lambda: all(voice.received for voice in voices), "the two get voice again", 15)
        print(f"the mix was heard again {time.monotonic() - began:.2f} s after the death of its worker")
        all_hear_each_other(ears)
        assert len(outside.sipp.all_received("INVITE")) == 1, "it was told of no other ports"

        handset.hang_up()
        outside.sipp.finish()
        agent.sipp.finish()
        eventually(lambda: not gateway.calls(), "nothing is left", 5)
