"""The actor: its inbox and its timers."""

from __future__ import annotations

from splitter.calls.call import Call
from splitter.calls.events import CallEvent
from splitter.sip.events import RequestArrived
from tests.calls.kit import ringing
from tests.world import World


class TestTimers:
    def test_one_that_rang_and_was_stopped_while_it_waited_in_the_inbox_stays_silent(self) -> None:
        with World() as world:
            caller, _ = ringing(world)
            live = world.call_of(caller)
            assert live is not None
            request = live.caller.request
            idle = Call(live.services, live.caller.trunk, "idle", "1", RequestArrived("t", request, live.caller.flow))
            read: list[CallEvent] = []

            async def reading() -> None:
                while True:
                    read.append(await idle.next())

            idle.after(0.1, "limit")
            idle.after(0.1, "other")
            world.run(0.2)
            idle.stop_timer("limit")
            idle.after(1.0, "limit")
            world.loop.create_task(reading())
            world.run(0.1)
            assert [event.what for event in read if hasattr(event, "what")] == ["other"]
            world.run(2)
            assert [event.what for event in read if hasattr(event, "what")] == ["other", "limit"]
