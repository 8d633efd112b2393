"""What an engine promises of relays and rooms that are opened again where they were, for their workers are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.events import RelayLost, RoomLost
from splitter.media.ports.rooms import CarriedParticipant, CarriedRoom
from splitter.media.ports.voice import CarriedRelay
from tests.media.contract.given import BOTH, IMAGE, PLAIN, SECURE, Given
from tests.media.contract.test_survivors import reread
from tests.media.contract.test_voice import DIGIT, REMOTE
from tests.media.worker.stand import Events
from tests.patience import until

NETWORKS = {"caller": "access", "seat-1": "core"}


async def gone(given: Given) -> None:
    """Gateway and workers die."""
    await given.restart()
    await given.kill()


class TestARelay:
    async def test_is_where_it_was(self, given: Given) -> None:
        relay = await given.relay()
        await gone(given)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt(relay, print)
        await given.engine.restore(CarriedRelay(reread(relay), (None, REMOTE)), BOTH, print)
        await given.restart()
        assert await given.engine.adopt(relay, print) == CarriedRelay(relay, (None, REMOTE))
        await given.engine.close(relay)

    async def test_obeys_its_owner(self, given: Given) -> None:
        relay = await given.relay()
        await gone(given)
        await given.engine.restore(CarriedRelay(relay, (None, None)), BOTH, print)
        await given.engine.point(relay, 0, REMOTE)
        await given.engine.send_digit(relay, 1, DIGIT)
        await given.speak(relay, 0)
        report = await given.engine.report(relay)
        assert report is not None and report.sides[0].packets_in > 0
        assert await given.engine.close(relay) is not None
        assert await given.engine.close(relay) is None

    async def test_tells_its_owner_of_its_loss(self, given: Given) -> None:
        events = Events()
        relay = await given.relay()
        await gone(given)
        await given.engine.restore(CarriedRelay(relay, (None, None)), BOTH, events)
        await given.kill()
        assert [event.relay_id for event in events.of(RelayLost)] == [relay.relay_id]

    async def test_can_be_opened_again_after_each_death(self, given: Given) -> None:
        relay = await given.relay()
        for _ in range(2):
            await given.kill()
            await given.engine.restore(CarriedRelay(relay, (None, None)), BOTH, print)
        other = await given.relay()
        assert len({*relay.local, *other.local}) == 4
        await given.engine.close(relay)
        await given.engine.close(other)


class TestARoom:
    async def test_is_as_it_was_but_for_those_whose_keys_died(self, given: Given) -> None:
        room, caller = await given.watcher(Events())
        desk = await given.engine.join_secure(room, "desk-1", "access")
        seat = await given.engine.join(room, "seat-1", "core")
        people = (
            CarriedParticipant(caller, PLAIN, "seat-1"),
            CarriedParticipant(desk, SECURE),
            CarriedParticipant(seat, replace(PLAIN, aside=True)),
        )
        await gone(given)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt_room(room, print)
        wanted = CarriedRoom(reread(room), people, ("menu",))
        left = CarriedRoom(room, (people[0], people[2]))
        assert await given.engine.restore_room(wanted, NETWORKS, print) == left
        await given.restart()
        assert await given.engine.adopt_room(room, print) == left
        await given.engine.close_room(room)

    async def test_obeys_its_owner(self, given: Given) -> None:
        room, caller = await given.watcher(Events())
        await gone(given)
        await given.engine.restore_room(CarriedRoom(room, (CarriedParticipant(caller, PLAIN),)), NETWORKS, print)
        desk = await given.engine.join_secure(room, "desk-1", "access")
        await given.engine.set_participant(desk, SECURE)
        await given.engine.set_participant(caller, PLAIN)
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.show(room, "caller", "picture:menu")
        assert await given.engine.leave(caller) is not None
        last = await given.engine.close_room(room)
        assert last is not None and [one.name for one in last.participants] == ["desk-1"]

    async def test_tells_its_owner_of_its_loss(self, given: Given) -> None:
        events = Events()
        room = await given.room()
        await gone(given)
        await given.engine.restore_room(CarriedRoom(room), {}, events)
        await given.kill()
        assert [event.room_id for event in events.of(RoomLost)] == [room.room_id]


class TestWhatCannotBe:
    async def test_is_open(self, given: Given) -> None:
        relay, room = await given.relay(), await given.room()
        for _ in range(2):
            with pytest.raises(MediaUnavailable, match="open"):
                await given.engine.restore(CarriedRelay(relay, (None, None)), BOTH, print)
            with pytest.raises(MediaUnavailable, match="open"):
                await given.engine.restore_room(CarriedRoom(room), {}, print)
            await given.restart()
        await given.engine.release_unclaimed()

    async def test_has_ports_that_somebody_else_has(self, given: Given) -> None:
        relay = await given.relay()
        room, caller = await given.watcher(Events())
        with pytest.raises(MediaUnavailable, match="in use"):
            again = replace(relay, relay_id="relay-of-another-life")
            await given.engine.restore(CarriedRelay(again, (None, None)), BOTH, print)
        with pytest.raises(MediaUnavailable, match="in use"):
            another = replace(room, room_id="room-of-another-life")
            await given.engine.restore_room(CarriedRoom(another, (CarriedParticipant(caller),)), NETWORKS, print)
        await until(lambda: (given.sizes()["relays"], given.sizes()["rooms"]) == (1, 1))
        await given.engine.close(relay)
        await given.engine.close_room(room)

    @pytest.mark.parametrize("network", ["six", "elsewhere", "of-another-configuration"])
    async def test_was_on_other_addresses(self, given: Given, network: str) -> None:
        relay = await given.relay()
        room, caller = await given.watcher(Events())
        await gone(given)
        for sides in ((replace(BOTH[0], network=network), BOTH[1]), (BOTH[0], replace(BOTH[1], network=network))):
            with pytest.raises(MediaUnavailable, match="network"):
                await given.engine.restore(CarriedRelay(relay, (None, None)), sides, print)
        with pytest.raises(MediaUnavailable, match="network"):
            carried = CarriedRoom(room, (CarriedParticipant(caller),))
            await given.engine.restore_room(carried, {"caller": network}, print)
