"""What an engine promises of media that outlived a gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import msgspec
import pytest

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.events import RelayLost, RoomLost, SourceShown, TransportChanged
from splitter.media.ports.rooms import CarriedParticipant, CarriedRoom, ParticipantHandle, RoomHandle
from splitter.media.ports.survivors import Inventory
from splitter.media.ports.voice import Capability, CarriedRelay, RelayHandle
from tests.media.contract.given import IMAGE, PLAIN, SECURE, Given
from tests.media.contract.test_voice import DIGIT, REMOTE
from tests.media.worker.stand import Events
from tests.patience import until

H = TypeVar("H", RelayHandle, RoomHandle, ParticipantHandle)


def reread(handle: H) -> H:
    """A handle that was written down and read."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(handle), type=type(handle))


class TestARelay:
    async def test_is_taken_up_by_what_was_written_down(self, given: Given) -> None:
        relay = await given.relay()
        await given.engine.point(relay, 1, REMOTE)
        await given.restart()
        carried = await given.engine.adopt(reread(relay), print)
        assert carried == CarriedRelay(relay, (None, REMOTE))
        await given.engine.close(relay)

    async def test_obeys_its_new_owner(self, given: Given) -> None:
        relay = await given.relay()
        await given.restart()
        await given.engine.adopt(relay, print)
        await given.engine.point(relay, 0, REMOTE)
        if Capability.DIGITS in given.engine.can:
            await given.engine.send_digit(relay, 1, DIGIT)
        await given.speak(relay, 0)
        report = await given.engine.report(relay)
        assert report is not None and report.sides[0].packets_in > 0
        assert await given.engine.close(relay) is not None
        assert await given.engine.close(relay) is None

    async def test_tells_its_new_owner_and_no_longer_the_one_before(self, given: Given) -> None:
        before, after = Events(), Events()
        relay = await given.relay(before)
        await given.restart()
        await given.engine.adopt(relay, after)
        told = len(before.seen)
        await given.kill()
        assert [event.relay_id for event in after.of(RelayLost)] == [relay.relay_id]
        assert before.seen[told:] == []

    async def test_survives_more_than_one_gateway(self, given: Given) -> None:
        relay = await given.relay()
        for _ in range(2):
            await given.restart()
            await given.engine.adopt(relay, print)
        await given.engine.close(relay)

    async def test_shares_neither_ports_nor_name_with_a_new_one(self, given: Given) -> None:
        relay = await given.relay()
        await given.restart()
        await given.engine.adopt(relay, print)
        other = await given.relay()
        assert other.relay_id != relay.relay_id
        assert len({*relay.local, *other.local}) == 4
        await given.engine.close(relay)
        await given.engine.close(other)


class TestARoom:
    async def test_is_taken_up_with_all_who_are_in_it(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        seat = await given.engine.join_secure(room, "seat-1", "core")
        await given.engine.set_participant(caller, PLAIN)
        await given.engine.set_participant(seat, SECURE)
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.show(room, "caller", "picture:menu")
        await given.restart()
        carried = await given.engine.adopt_room(reread(room), print)
        expected = CarriedParticipant(caller, PLAIN, "picture:menu"), CarriedParticipant(seat, SECURE)
        assert carried == CarriedRoom(room, expected, ("menu",))
        assert [one.handle for one in carried.participants] == [reread(caller), reread(seat)]
        await given.engine.close_room(room)

    async def test_names_the_ports_and_credentials_of_the_last_ice_restart(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "core")
        again = await given.engine.restart_ice(seat)
        await given.restart()
        assert (await given.engine.adopt_room(room, print)).participants == (CarriedParticipant(again),)
        await given.engine.close_room(room)

    async def test_has_those_who_are_beside_another_one_as_they_were(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "core")
        further = await given.engine.join_beside(seat, "seat-1.1")
        await given.engine.show(room, "seat-1.1", "caller")
        again = await given.engine.restart_ice(seat)
        await given.restart()
        carried = await given.engine.adopt_room(room, print)
        assert carried.participants == (CarriedParticipant(again), CarriedParticipant(further, None, "caller"))
        assert await given.engine.leave(further) is not None
        await given.engine.close_room(room)

    async def test_has_nobody_who_left_and_no_choice_that_fell(self, given: Given) -> None:
        room, caller = await given.watcher(Events())
        seat = await given.engine.join(room, "seat-1", "core")
        await given.engine.show(room, "caller", "seat-1")
        await given.engine.leave(seat)
        await given.restart()
        assert (await given.engine.adopt_room(room, print)).participants == (CarriedParticipant(caller, PLAIN),)
        await given.engine.close_room(room)

    async def test_obeys_its_new_owner(self, given: Given) -> None:
        events = Events()
        room, caller = await given.watcher(Events())
        await given.restart()
        await given.engine.adopt_room(room, events)
        seat = await given.engine.join(room, "seat-1", "core")
        await given.engine.set_participant(seat, PLAIN)
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.show(room, "caller", "picture:menu")
        await until(lambda: "picture:menu" in [event.source for event in events.of(SourceShown)])
        assert await given.engine.leave(caller) is not None
        last = await given.engine.close_room(room)
        assert last is not None and [one.name for one in last.participants] == ["seat-1"]

    async def test_tells_its_new_owner_what_is_shown_and_how_the_transports_are(self, given: Given) -> None:
        before, events = Events(), Events()
        room, _ = await given.watcher(before)
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.show(room, "caller", "picture:menu")
        seat = await given.engine.join_secure(room, "seat-1", "access")
        await given.engine.set_participant(seat, SECURE)
        assert SECURE.secure is not None
        strange = replace(SECURE.secure, fingerprints=("sha-256 " + ":".join(["EF"] * 32),))
        await given.engine.set_participant(seat, replace(SECURE, secure=strange))
        await until(lambda: "failed" in [event.state for event in before.of(TransportChanged)])
        await until(lambda: "picture:menu" in [event.source for event in before.of(SourceShown)])
        await given.restart()
        await given.engine.adopt_room(room, events)
        await until(lambda: events.of(TransportChanged))
        shown = [event.source for event in events.of(SourceShown) if event.viewer == "caller"]
        assert shown == ["picture:menu"]
        assert [(event.participant, event.state) for event in events.of(TransportChanged)] == [("seat-1", "failed")]
        await given.engine.close_room(room)

    async def test_says_nothing_of_those_who_left(self, given: Given) -> None:
        events = Events()
        room, caller = await given.watcher(Events())
        await given.engine.leave(caller)
        await given.restart()
        await given.engine.adopt_room(room, events)
        await given.engine.report_room(room)
        assert events.seen == []
        await given.engine.close_room(room)

    async def test_tells_its_new_owner_of_its_loss(self, given: Given) -> None:
        events = Events()
        room = await given.room()
        await given.restart()
        await given.engine.adopt_room(room, events)
        await given.kill()
        assert [event.room_id for event in events.of(RoomLost)] == [room.room_id]


class TestWhatCannotBeTakenUp:
    async def test_is_what_never_was(self, given: Given) -> None:
        relay, room = await given.relay(), await given.room()
        await given.restart()
        for relay_id in ("relay-of-another-life", room.room_id):
            with pytest.raises(MediaUnavailable, match="gone"):
                await given.engine.adopt(replace(relay, relay_id=relay_id), print)
        for room_id in ("room-of-another-life", relay.relay_id):
            with pytest.raises(MediaUnavailable, match="gone"):
                await given.engine.adopt_room(replace(room, room_id=room_id), print)
        assert await given.engine.release_unclaimed() == 2

    async def test_is_not_the_one_of_the_handle(self, given: Given) -> None:
        """A record of other ports than those that are open is of no use to anybody."""
        relay, room = await given.relay(), await given.room()
        await given.restart()
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt(replace(relay, local=tuple(reversed(relay.local))), print)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt_room(replace(room, call_id="call-2"), print)
        assert await given.engine.release_unclaimed() == 2

    async def test_was_closed_before(self, given: Given) -> None:
        relay, room = await given.relay(), await given.room()
        await given.engine.close(relay)
        await given.engine.close_room(room)
        await given.restart()
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt(relay, print)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt_room(room, print)

    async def test_died_with_its_worker(self, given: Given) -> None:
        relay, room = await given.relay(), await given.room()
        await given.restart()
        await given.kill()
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt(relay, print)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt_room(room, print)
        assert given.engine.inventory() == Inventory()

    async def test_has_an_owner(self, given: Given) -> None:
        events = Events()
        relay, room = await given.relay(events), await given.room(events)
        for _ in range(2):
            with pytest.raises(MediaUnavailable, match="taken up"):
                await given.engine.adopt(relay, print)
            with pytest.raises(MediaUnavailable, match="taken up"):
                await given.engine.adopt_room(room, print)
            await given.restart()
            await given.engine.adopt(relay, events)
            await given.engine.adopt_room(room, events)
        await given.kill()
        assert len(events.of(RelayLost)) == len(events.of(RoomLost)) == 1


class TestTheInventory:
    async def test_is_what_nobody_has_taken_up(self, given: Given) -> None:
        one, other, room = await given.relay(), await given.relay(), await given.room()
        await given.engine.point(one, 0, REMOTE)
        caller = await given.engine.join(room, "caller", "access")
        assert given.engine.inventory() == Inventory()
        await given.restart()
        relays = {CarriedRelay(one, (REMOTE, None)), CarriedRelay(other, (None, None))}
        rooms = (CarriedRoom(room, (CarriedParticipant(caller),)),)
        found = given.engine.inventory()
        assert set(found.relays) == relays and found.rooms == rooms
        await given.engine.adopt(one, print)
        assert given.engine.inventory() == Inventory((CarriedRelay(other, (None, None)),), rooms)
        await given.engine.adopt_room(room, print)
        await given.engine.adopt(other, print)
        assert given.engine.inventory() == Inventory()
        await given.engine.close(one)
        await given.engine.close(other)
        await given.engine.close_room(room)

    async def test_goes_once_nobody_claims_it(self, given: Given) -> None:
        claimed, relay, room = await given.relay(), await given.relay(), await given.room()
        await given.engine.join_secure(room, "seat-1", "access")
        await given.restart()
        await given.engine.adopt(claimed, print)
        assert await given.engine.release_unclaimed(0.05) == 2
        assert given.engine.inventory() == Inventory()
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt(relay, print)
        with pytest.raises(MediaUnavailable, match="gone"):
            await given.engine.adopt_room(room, print)
        await until(lambda: (given.sizes()["relays"], given.sizes()["rooms"]) == (1, 0))
        assert await given.engine.release_unclaimed() == 0
        remote = replace(REMOTE, rtp=Address("127.0.0.9", 40_002))
        await given.engine.point(claimed, 0, remote)
        await given.engine.close(claimed)

    async def test_is_empty_where_nothing_was(self, given: Given) -> None:
        await given.restart()
        assert given.engine.inventory() == Inventory()
        assert await given.engine.release_unclaimed() == 0
        await given.engine.close(await given.relay())
