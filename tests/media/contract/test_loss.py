"""What an engine promises when what carries media dies, or does not answer."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.testing import capture_logs

from splitter.core.errors import MediaTimeout
from splitter.media.ports.events import MediaEvent, RelayLost, RoomLost
from splitter.media.ports.voice import Capability
from tests.media.contract import test_rooms, test_voice
from tests.media.contract.given import BOTH, CALL, IMAGE, PLAIN, SECURE, Given
from tests.media.contract.test_voice import DIGIT, REMOTE
from tests.media.worker.stand import Events
from tests.patience import until


class TestALoss:
    async def test_of_a_relay_is_told_once_with_the_reason(self, given: Given) -> None:
        events = Events()
        relay = await given.relay(events)
        await given.kill()
        [lost] = events.seen
        assert isinstance(lost, RelayLost) and lost.reason
        assert (lost.call_id, lost.relay_id) == (CALL, relay.relay_id)
        await test_voice.assert_gone(given, relay)
        assert events.seen == [lost]

    async def test_of_a_room_is_told_once_with_the_reason(self, given: Given) -> None:
        events = Events()
        room, caller = await given.watcher(events)
        await given.kill()
        [lost] = events.of(RoomLost)
        assert lost.reason and (lost.call_id, lost.room_id) == (CALL, room.room_id)
        await test_rooms.assert_gone(given, room, caller)
        assert events.seen[-1] == lost

    async def test_is_told_to_each_of_whom_it_concerns(self, given: Given) -> None:
        events = [Events() for _ in range(3)]
        relays = [await given.relay(one) for one in events]
        await given.kill()
        assert [[event.relay_id for event in one.of(RelayLost)] for one in events] == [[one.relay_id] for one in relays]

    async def test_is_made_up_for_by_opening_anew(self, given: Given) -> None:
        relay = await given.relay()
        await given.kill()
        again = await given.relay()
        assert again.relay_id != relay.relay_id
        await given.engine.point(again, 0, REMOTE)
        await given.engine.close(again)
        if given.rooms:
            await given.engine.close_room(await given.room())

    async def test_reaches_the_others_where_one_listener_fails(self, given: Given) -> None:
        def broken(event: MediaEvent) -> None:
            raise ZeroDivisionError("broken on purpose")

        events = Events()
        await given.relay(broken)
        await given.relay(events)
        with capture_logs() as logs:
            await given.kill()
        assert len(events.of(RelayLost)) == 1
        assert "media listener failed" in [line["event"] for line in logs]

    async def test_ends_requests_that_are_under_way(self, given: Given) -> None:
        events = Events()
        relay = await given.relay(events)
        closing = asyncio.ensure_future(given.engine.close(relay))
        await asyncio.sleep(0)
        await given.kill()
        await closing
        assert events.seen == []  # it was given back already


class TestAnEngineThatDoesNotAnswer:
    async def test_is_waited_for_no_longer_than_the_limit(self, hasty: Given) -> None:
        engine, relay = hasty.engine, await hasty.relay()
        with hasty.hang():
            asked: list[Any] = [
                engine.open(CALL, BOTH, print),
                engine.point(relay, 0, REMOTE),
                engine.report(relay),
            ]
            if Capability.DIGITS in engine.can:
                asked.append(engine.send_digit(relay, 0, DIGIT))
            await _assert_late(asked)
        await engine.close(relay)

    async def test_is_not_waited_for_longer_by_rooms(self, hasty: Given) -> None:
        engine, room = hasty.engine, await hasty.room()
        caller = await engine.join(room, "caller", "access")
        seat = await engine.join_secure(room, "seat-1", "access")
        with hasty.hang():
            asked: list[Any] = [
                engine.open_room(CALL, print),
                engine.join(room, "seat-2", "core"),
                engine.join_secure(room, "seat-3", "core"),
                engine.restart_ice(seat),
                engine.set_participant(caller, PLAIN),
                engine.set_participant(seat, SECURE),
                engine.show(room, "caller", "slate"),
                engine.put_picture(room, "menu", IMAGE),
                engine.snapshot(room, "caller"),
                engine.request_key_frame(caller),
                engine.report_room(room),
            ]
            await _assert_late(asked)
        await engine.close_room(room)

    async def test_has_closed_what_was_closed_meanwhile(self, hasty: Given) -> None:
        """Whoever hangs up need not come back: it takes effect when the engine wakes up."""
        events = Events()
        relay = await hasty.relay(events)
        with hasty.hang():
            assert await hasty.engine.close(relay) is None
        await test_voice.assert_gone(hasty, relay)
        assert events.seen == []

    async def test_has_closed_rooms_that_were_closed_meanwhile(self, hasty: Given) -> None:
        engine, events = hasty.engine, Events()
        room, caller = await hasty.watcher(events)
        told = len(events.seen)
        with hasty.hang():
            assert await asyncio.gather(engine.leave(caller), engine.close_room(room)) == [None, None]
        await test_rooms.assert_gone(hasty, room, caller)
        assert events.seen[told:] == []

    async def test_keeps_nothing_that_was_given_up(self, hasty: Given) -> None:
        with hasty.hang():
            await _assert_late([hasty.relay(), hasty.engine.open(CALL, BOTH, print)])
            if hasty.rooms:
                await _assert_late([hasty.room()])
        await until(lambda: not any(hasty.sizes().values()))


async def _assert_late(asked: list[Any]) -> None:
    async with asyncio.timeout(60):
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [MediaTimeout] * len(asked)
