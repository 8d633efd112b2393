"""The gateway's process is killed, and the next one takes its calls up (or ends what was not answered yet)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from splitter.calls.asks import RaiseVideo
from splitter.calls.call import Call
from splitter.calls.persistence.frame import VERSION, RecordKind, framed, unframed
from splitter.calls.persistence.records import FLUSH_S
from splitter.calls.persistence.recovery import HELD_S, TEST_LEFT_S
from splitter.calls.registry import Calls
from splitter.calls.states import PartyState
from splitter.core.errors import MediaUnavailable
from splitter.lab.offers import VideoLine
from splitter.media.ports.events import MediaListener
from splitter.media.ports.voice import CarriedRelay, RelayHandle
from splitter.store.rows import LiveRow
from tests.calls.kit import connected, ended, joined, ringing, sdp, told, with_webrtc
from tests.calls.legs.test_challenged import OURS, Guard
from tests.calls.test_frame import STORED
from tests.world import FAIR, PeerCall, Weather, World
from tests.world.wire import label

A_MOMENT = 2 * FLUSH_S


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


def kinds(world: World) -> list[RecordKind]:
    return [unframed(row.record).kind for row in world.rows.values()]


def over(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The caller hangs up, whatever both have heard meanwhile."""
    caller.unread.clear()
    centre.unread.clear()
    ended(world, caller, centre)


def thinks(call: PeerCall) -> None:
    """The phone asks its user, or is slow: the re-INVITE is left to the script."""


class TestWhatIsWritten:
    def test_a_call_from_its_invite_to_its_end(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        assert kinds(world) == [RecordKind.UNFINISHED]
        centre.answer()
        caller.expect("200")
        world.run(A_MOMENT)
        assert kinds(world) == [RecordKind.CALL]
        ended(world, caller, centre)
        assert world.rows == {}

    def test_one_that_is_refused_leaves_nothing(self, world: World) -> None:
        caller, centre = ringing(world)
        centre.refuse(486)
        caller.expect("486")
        world.settle()
        assert world.rows == {}

    def test_what_is_under_way_makes_it_doubtful(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        assert [row.doubt is not None for row in world.rows.values()] == [False]
        caller.on_reinvite = thinks
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        world.run(A_MOMENT)
        assert [row.doubt is not None for row in world.rows.values()] == [True]
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(A_MOMENT)
        assert [row.doubt is not None for row in world.rows.values()] == [False]
        ended(world, caller, centre)


class TestATestCall:
    def test_whose_probe_may_be_gone_is_hung_up_after_a_while(self, world: World) -> None:
        """Nobody knows of the loan that it came by any more."""
        caller, centre = ringing(world)
        world.call_of(caller).talk.test = True
        centre.answer()
        caller.expect("200")
        centre.expect("ACK")
        other, other_centre = connected(world)
        world.run(A_MOMENT)
        world.kill()
        assert world.begin_again().taken_up == 2
        world.run(TEST_LEFT_S - 5)
        assert len(world.calls.list()) == 2, "a probe that lives goes on"
        world.run(10)
        caller.expect("BYE")
        centre.expect("BYE")
        world.run(1)
        over(world, other, other_centre)


class TestUnanswered:
    def test_while_it_rings_both_sides_are_told(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        world.kill()
        world.run(1)
        assert world.begin_again().ended == 1
        caller.expect("480")
        centre.expect("CANCEL")
        world.settle()
        world.run(HELD_S)
        assert world.rows == {}

    def test_an_answer_that_was_lost_is_given_by_the_next_process(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        world.kill()
        world.wire.weather = Weather(loss=1.0)
        assert world.begin_again().ended == 1
        world.run(1)
        world.kill()
        world.wire.weather = FAIR
        assert world.begin_again().ended == 1
        caller.expect("480")
        centre.expect("CANCEL")
        world.settle()

    def test_before_anybody_rings(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        world.kill()
        world.begin_again()
        caller.expect("480")
        centre.expect("CANCEL")
        world.settle()

    def test_an_answer_while_nobody_is_there_is_ended(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        world.kill()
        centre.answer()
        world.run(1)
        world.begin_again()
        centre.expect("ACK")
        centre.expect("BYE")
        caller.expect("480")
        world.settle()

    def test_the_next_call_of_the_same_caller_is_taken(self, world: World) -> None:
        first, _ = ringing(world)
        world.run(A_MOMENT)
        world.kill()
        world.begin_again()
        first.expect("480")
        world.run(5)
        caller, centre = connected(world)
        ended(world, caller, centre)


class TestAnswered:
    def test_ends_on_both_sides_after_a_hang_up_that_nobody_heard_at_first(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        world.kill()
        caller.bye()
        world.run(1)  # its BYE is repeated meanwhile (RFC 3261 §17.1.2)
        assert world.begin_again().taken_up == 1
        centre.expect("BYE")
        caller.expect("200 BYE")
        world.settle()

    def test_a_question_to_the_caller_that_was_open(self, world: World) -> None:
        caller, centre = connected(world, picture=VideoLine.NONE)
        caller.on_reinvite = thinks
        told(world, caller, RaiseVideo("agent"))
        caller.expect("INVITE")  # the phone asks its user
        world.run(A_MOMENT)
        assert [row.doubt is not None for row in world.rows.values()] == [True]
        world.kill()
        world.run(1)
        world.begin_again()
        caller.accept()  # of the question that its gateway no longer knows of
        caller.on_reinvite = PeerCall.accept
        world.run(60)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_a_question_that_was_accepted_while_nobody_was_there(self, world: World) -> None:
        """The line of its offer stays a line of the session, and is the one that is asked for again."""
        caller, centre = connected(world, picture=VideoLine.NONE)
        caller.on_reinvite = thinks
        told(world, caller, RaiseVideo("agent"))
        assert len(sdp(caller.expect("INVITE")).media) == 2
        world.run(A_MOMENT)
        world.kill()
        caller.accept()
        world.wire.drop = lambda sent: sent.source == caller.peer.address
        world.run(1)
        caller.on_reinvite = PeerCall.accept
        world.wire.drop = lambda sent: False
        world.begin_again()
        world.run(60)
        offers = [sent.message for sent in world.wire.sent[caller.sip_call_id] if label(sent.message) == "INVITE"][2:]
        assert offers and all(offer.body.count(b"m=") == 2 for offer in offers)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_a_hold_that_was_under_way_is_agreed_on_again(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        caller.on_reinvite = thinks
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        world.run(A_MOMENT)
        world.kill()
        world.run(1)
        world.begin_again()
        caller.on_reinvite = PeerCall.accept
        caller.accept()
        world.run(60)  # whatever is repeated, is given up, collides and is offered again
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_workers_that_died_with_it_cost_nothing_but_the_keys_of_browsers(self, world: World) -> None:
        caller, centre = connected(world)
        desk, seat = with_webrtc(world, caller).name, joined(world, caller)
        world.run(A_MOMENT)
        for peer in (caller, centre, seat):
            peer.unread.clear()
        world.kill()
        relay, room = next(iter(world.engine.relays.values())), next(iter(world.engine.rooms.values()))
        here = room.local["caller"], room.local["seat-1"]
        world.engine.lose_relay(relay)
        world.engine.lose_room(room)
        world.begin_again()
        world.run(5)
        assert world.voice_faults(caller) == []
        assert next(iter(world.engine.relays.values())).handle == relay.handle
        room = next(iter(world.engine.rooms.values()))
        assert (room.local["caller"], room.local["seat-1"]) == here and desk not in room.local
        assert not (caller.unread or centre.unread or seat.unread), "nobody is asked for anything"
        call = world.call_of(caller).talk
        party = call.parties.get(desk)
        assert party is not None and party.state is PartyState.INTERRUPTED and desk not in call.room.members
        ended(world, caller, centre)

    def test_a_worker_that_died_with_it_costs_the_ports_alone(self, world: World) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller)
        world.run(A_MOMENT)
        world.kill()
        world.engine.fault = lambda what, call: MediaUnavailable("taken") if what.startswith("restore") else None
        world.engine.lose_relay(next(iter(world.engine.relays.values())))
        world.engine.lose_room(next(iter(world.engine.rooms.values())))
        world.begin_again()
        world.run(5)
        assert world.voice_faults(caller) == []
        assert set(next(iter(world.engine.rooms.values())).members) == {"caller", "seat-1"}
        for peer in (caller, centre, seat):
            peer.unread.clear()
        ended(world, caller, centre)

    def test_an_engine_that_takes_its_time_takes_it_once(self, world: World) -> None:
        """Calls claim their media beside each other: SIP waits for one of them, not for all."""
        calls = [connected(world, number=f"1390000000{number}") for number in range(5)]
        world.run(A_MOMENT)
        world.kill()
        adopt = world.engine.adopt

        async def slow(relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
            await asyncio.sleep(2)
            return await adopt(relay, on_event)

        world.engine.adopt = slow  # type: ignore[method-assign]
        began = world.now
        assert world.begin_again().taken_up == 5
        assert world.now - began < 3
        for caller, centre in calls:
            caller.bye()
            centre.expect("BYE")
        world.settle()

    def test_an_engine_that_is_silent_keeps_its_own_calls_waiting_alone(self, world: World) -> None:
        (caller, centre), (other, other_centre) = (connected(world, number=f"1390000000{n}") for n in range(2))
        world.run(A_MOMENT)
        its_call = world.call_of(caller).talk.call_id
        world.kill()
        adopt = world.engine.adopt

        async def silent_for_one(relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
            if relay.call_id == its_call:
                await asyncio.sleep(10)
            return await adopt(relay, on_event)

        world.engine.adopt = silent_for_one  # type: ignore[method-assign]
        began = world.now
        assert world.begin_again().taken_up == 2
        other.bye()
        other_centre.expect("BYE")
        assert world.now - began < 5
        world.run(10)
        assert world.voice_faults(caller) == []
        assert not [event for event in world.trace_of(caller) if event.kind == "media" and "again" in event.text], (
            "nobody has closed meanwhile what it has there"
        )
        over(world, caller, centre)

    def test_voices_come_before_all_else(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where their host died nobody hears anybody; the rest can wait that long."""
        calls = [connected(world, number=f"1390000000{number}") for number in range(3)]
        world.run(A_MOMENT)
        world.kill()
        for relay in tuple(world.engine.relays.values()):  # as when the whole host died
            world.engine.lose_relay(relay)
        done: list[str] = []
        restore, again = Calls.restore, world.engine.restore

        async def opened(*what: Any) -> None:
            await again(*what)
            done.append("voice")

        def made(*what: Any) -> Call:
            done.append("call")
            return restore(*what)

        monkeypatch.setattr(Calls, "restore", made)
        monkeypatch.setattr(world.engine, "restore", opened)
        world.begin_again()
        assert done == ["voice"] * 3 + ["call"] * 3
        world.run(1)
        for caller, centre in calls:
            assert world.voice_faults(caller) == []
            caller.bye()
            centre.expect("BYE")
        world.settle()

    def test_an_engine_that_is_not_there_yet(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        world.kill()
        world.engine.fault = lambda what, call: MediaUnavailable("starting") if what.startswith("adopt") else None
        world.begin_again()
        world.run(5)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_people_at_the_desks_see_it_again(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        world.views.clear()
        world.restart()
        world.run(0.1)
        [view] = world.views.values()
        assert view.state == "connected" and world.call_of(caller).talk.call_id == view.call_id
        ended(world, caller, centre)


class TestTheFirstMoment:
    def test_a_call_is_written_down_as_soon_as_it_is_answered(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        centre.answer()
        caller.expect("200")
        world.kill()
        assert world.begin_again().taken_up == 1
        world.run(5)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    def test_a_call_that_was_answered_and_never_at_rest_is_carried_on(self, world: World) -> None:
        caller, centre = ringing(world)
        world.run(A_MOMENT)
        caller.acks = False  # its ACK is late: the answered call does not come to rest
        centre.answer()
        caller.expect("200")
        world.run(A_MOMENT)
        world.kill()
        assert world.begin_again().taken_up == 1
        world.run(5)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)


class TestBadRecords:
    def test_a_note_of_what_was_under_way_that_cannot_be_read_costs_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        [(key, row)] = world.rows.items()
        world.rows[key] = LiveRow(key, row.written_at, row.record, b"x")
        assert world.restart().taken_up == 1
        world.run(5)
        assert world.voice_faults(caller) == []
        over(world, caller, centre)

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            (b"", "no record"),
            (b"SPL\x63C\0\0\0\0whatever", "version 99 of records"),
            (b"SPL\x01C\x01\xc1", "malformed"),
            (b"SPL\x02C\0\0\0\0\x01\xc1", "malformed"),
            (b"SPL\x01U\xc1", "malformed"),
            (b"SPL\x01C", "no record"),
            (b"SPL\x02C\0\0\0\x09cut", "cut off"),
        ],
    )
    def test_is_refused_with_its_reason_and_costs_no_other(self, world: World, record: bytes, reason: str) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        world.rows["bad"] = LiveRow("bad", 0.0, record)
        found = world.restart()
        assert (found.taken_up, found.refused) == (1, 1)
        [line] = [line for line in world.logs if line["log_level"] == "error"]
        assert line["event"] == "a call of before is lost" and reason in line["reason"].lower()
        assert "bad" not in world.rows
        world.logs.clear()
        ended(world, caller, centre)


def of_another_version(record: bytes) -> bytes:
    return record[:3] + b"\x63" + record[4:]


def garbled(record: bytes) -> bytes:
    """Its outline is whole, and its body is not."""
    return framed(RecordKind.CALL, b"\x01\xc1", unframed(record).outline)


class TestWhatCannotBeCarriedOn:
    @pytest.mark.parametrize("spoil", [of_another_version, garbled])
    def test_is_ended_on_every_side(self, world: World, spoil: Callable[[bytes], bytes]) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller)
        world.run(A_MOMENT)
        world.kill()
        [(key, row)] = world.rows.items()
        world.rows[key] = LiveRow(key, row.written_at, spoil(row.record))
        self.is_lost(world, caller, centre, seat)

    def test_as_its_trunk_is_configured_no_longer(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        world.kill()
        del world.trunks["pbx"]
        self.is_lost(world, caller, centre)

    def test_one_that_was_changing_gets_a_number_that_is_new(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(A_MOMENT)
        caller.on_reinvite = thinks
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        world.run(A_MOMENT)
        world.kill()
        del world.trunks["pbx"]
        assert world.begin_again().refused == 1
        caller.expect("BYE")
        assert (caller.dialog.remote_cseq or 0) > 100
        centre.expect("BYE")

    @staticmethod
    def is_lost(world: World, *peers: PeerCall) -> None:
        found = world.begin_again()
        assert (found.taken_up, found.refused) == (0, 1)
        for peer in peers:
            peer.expect("BYE")
        [line] = [line for line in world.logs if line["log_level"] == "error"]
        assert line["event"] == "a call of before is lost" and "caller" in line["told"]
        world.logs.clear()
        [end] = [event for event in world.trace_of(peers[0]) if event.text.startswith("ended: ")]
        assert "lost at the restart" in end.text
        assert {event.leg for event in world.trace_of(peers[0]) if event.text == "BYE"} >= {"caller", "centre"}
        world.settle()


class TestAPeerThatAsksForCredentials:
    """It keeps a call whose BYE it has challenged, and hears of its end all the same (RFC 3261 §22)."""

    @pytest.mark.parametrize("proxy", [False, True])
    def test_hears_that_a_call_is_lost(self, proxy: bool) -> None:
        with World(trunk=OURS) as world:
            Guard(world.pbx, proxy=proxy)
            caller, centre = connected(world)
            world.run(A_MOMENT)
            world.kill()
            [(key, row)] = world.rows.items()
            world.rows[key] = LiveRow(key, row.written_at, garbled(row.record))
            TestWhatCannotBeCarriedOn.is_lost(world, caller, centre)

    def test_hears_a_bye_that_was_said_before(self) -> None:
        with World(trunk=OURS) as world:
            Guard(world.pbx)
            caller, centre = connected(world)
            world.run(A_MOMENT)
            drop_all(world, "BYE", centre)
            caller.bye()
            world.run(0.3)
            world.kill()
            world.wire.drop = lambda sent: False
            world.begin_again()
            centre.unread.clear()
            centre.expect("BYE")
            world.settle()

    def test_is_told_so_where_its_answer_crosses(self) -> None:
        with World(trunk=OURS) as world:
            Guard(world.pbx)
            caller, centre = ringing(world)
            world.run(A_MOMENT)
            world.kill()
            centre.answer()
            world.run(1)
            world.begin_again()
            centre.expect("ACK")
            centre.expect("BYE")
            caller.expect("480")
            world.settle()


def drop_all(world: World, what: str, peer: PeerCall) -> None:
    """Lose every message of this kind on its way to a peer."""
    world.wire.drop = lambda sent: sent.target == peer.peer.address and label(sent.message) == what


class TestRecordsOfBefore:
    @pytest.mark.parametrize("version", range(1, VERSION + 1))
    def test_are_carried_on(self, world: World, version: int) -> None:
        """Its peers are not in this world: told of other ports, they answer that they know of no such call."""
        world.kill()
        world.engine.fault = lambda what, call: MediaUnavailable("taken") if what.startswith("restore") else None
        stored = (STORED / f"call-{version}").read_bytes()
        world.rows["old"] = LiveRow("g27y4tsbs6sr", 0.0, stored)
        assert world.begin_again().taken_up == 1
        [view] = world.calls.list()
        assert view.caller == "13900000000" and view.state == "connected" and len(view.parties) == 2
        world.run_until(lambda: not len(world.calls), 300)
