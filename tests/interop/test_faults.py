"""What each fault does to the voice: nothing, or as little as can be (voice first)."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.interop.gateway import Gateway, alive
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_TONE, Scene, hang_up, until
from tests.interop.sipp import TOLD, Sdp, Seen, Sipp

pytestmark = pytest.mark.interop


class TestWorkerLost:
    """With the relay engine the voice is re-homed by re-INVITE; the call lives. One that hangs is killed by us."""

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
    @pytest.mark.parametrize("workers", [1, 2])
    def test_voice_flows_again(
        self, make_gateway: Callable[..., Gateway], scene: Scene, workers: int, number: signal.Signals
    ) -> None:
        gateway = make_gateway(workers=workers)
        ours, theirs = scene.voices()
        centre = scene.centre("centre-rehomed", answer2="centre-resumed", held_ms=TOLD)
        caller = scene.caller("caller-rehomed", answer2="transcoded-resumed")
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        first = until(caller, "INVITE", 200).sdp
        ours.talk_to(first.address_of(0))
        eventually(lambda: ours.hears(CENTRE_TONE) and theirs.hears(CALLER_TONE), "both are heard", 5, ours.in_words)
        lost = gateway.kill_workers(number)
        eventually(lambda: not any(alive(pid) for pid in lost), "the workers are dead", 8)
        for index, what in enumerate(("voice", "picture")):
            eventually(lambda i=index: moved(caller, first, i), f"the caller is told where the {what} is now", 8)
        assert {invite.sdp.kinds for invite in invites(caller)} == {("audio", "video")}, (
            "nothing about the lines changes"
        )
        ours.talk_to(invites(caller)[-1].sdp.address_of(0))
        eventually(lambda: len(invites(centre)) > 1, "the centre is told the new address", 8, centre.complaint)
        assert invites(centre)[-1].sdp.kinds == ("audio",)
        theirs.talk_to(invites(centre)[-1].sdp.address_of(0))
        ours.forget(), theirs.forget()
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the centre again", 8, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE), "the centre hears the caller again", 8, theirs.in_words)
        centre.go_on(until(centre, "ACK", times=2))
        caller.finish()
        centre.finish()
        eventually(gateway.workers, "there are workers again")


class TestStoreUnwritable:
    def test_calls_go_on_and_an_alarm_is_raised(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        gateway = make_gateway(store="/proc/nowhere/calls.db")
        ours, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-hangs-up", held_ms=TOLD)
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the centre", 5, ours.in_words)
        hang_up(caller)
        centre.finish()
        eventually(lambda: "store" in str(gateway.status()["alarms"]), "an alarm stands", 5)
        eventually(lambda: "/proc/nowhere" in gateway.log, "the log names the file", 5)


def moved(caller: Sipp, first: Sdp, index: int) -> bool:
    """True once a re-INVITE has named another port for that m-line."""
    came = invites(caller)
    return bool(came) and came[-1].sdp.address_of(index) != first.address_of(index)


def invites(party: Sipp) -> list[Seen]:
    """The INVITEs that came, without retransmissions."""
    came: dict[str, Seen] = {}
    for message in party.messages():
        if message.first_line.startswith("INVITE") and not message.sent:
            came.setdefault(message.get("cseq"), message)
    return list(came.values())
