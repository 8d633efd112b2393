"""Voice that the kernel forwards, as a call sees it: its trace says by whom, and why."""

from __future__ import annotations

import pytest

from splitter.media.ports.events import VoiceOffloaded
from tests.calls.kit import connected
from tests.calls.table import notes
from tests.world import World


class TestTheTrace:
    @pytest.mark.parametrize(
        ("event", "kind", "text"),
        [
            (VoiceOffloaded("", True), "media", "the kernel forwards the voice"),
            (
                VoiceOffloaded("", False, "a digit is sent"),
                "media",
                "the media worker forwards the voice, and not the kernel: a digit is sent",
            ),
            (
                VoiceOffloaded("", False, "eth0 is down", fault=True),
                "alarm",
                "the media worker forwards the voice, and not the kernel: eth0 is down",
            ),
        ],
    )
    def test_says_who_forwards_the_voice_and_why(self, event: VoiceOffloaded, kind: str, text: str) -> None:
        with World() as world:
            caller, _ = connected(world)
            relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
            assert relay is not None
            assert text not in notes(world, caller)
            world.engine.tell(relay, event)
            world.run(0.1)
            assert [line.kind for line in world.trace_of(caller) if line.text == text] == [kind]
            assert world.voice_faults(caller) == []
            caller.bye()
            world.run(1)
            world.settle()
