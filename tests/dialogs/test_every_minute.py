"""A caller in a long queue hears every minute that the call is alive (RFC 3261 §13.3.1.1, RFC 3262 §3)."""

from __future__ import annotations

import pytest

from tests.dialogs.kit import (
    arrived,
    ended,
    header,
    invite_with_qos,
    is_reliable,
    lose,
    nothing_left,
    picked_up,
    ready,
    ringing,
    said,
    sdp,
)
from tests.world import Heard, PeerCall, World

LONG = {"ring_limit_s": 900.0}


def heard_until(world: World, caller: PeerCall, for_s: float) -> list[Heard]:
    """What a caller hears in this time; between two of it never three minutes, or proxies would cancel."""
    found: list[Heard] = []
    began = last = world.now
    while world.now - began < for_s:
        world.run(1.0)
        while caller.unread:
            found.append(caller.unread.popleft())
            last = world.now
        assert world.now - last < 175, world.ladder(caller)
    return found


class TestEveryMinute:
    @pytest.mark.parametrize("status", [180, 181, 182, 183])
    def test_the_last_thing_is_said_again(self, status: int) -> None:
        with World(trunk=LONG) as world:
            caller, centre = arrived(world)
            centre.ring(status)
            caller.expect(str(status))
            again = heard_until(world, caller, 305)
            assert [heard.what for heard in again] == [str(status)] * 5
            picked_up(caller, centre)
            caller.hears_nothing(200)
            ended(world, caller, centre)

    def test_with_the_same_answer_in_the_same_dialog(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = arrived(world)
            centre.ring(183, media=True)
            first = caller.expect("183")
            for heard in heard_until(world, caller, 130):
                assert heard.what == "183" and sdp(heard) == sdp(first)
                assert header(heard, "to") == header(first, "to")
            picked_up(caller, centre)
            ended(world, caller, centre)

    def test_what_the_centre_says_starts_the_minute_anew(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = arrived(world)
            for _ in range(4):
                centre.ring(182)
                caller.expect("182")
                caller.hears_nothing(50)
            picked_up(caller, centre)
            ended(world, caller, centre)

    def test_a_centre_that_says_nothing_at_all(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = arrived(world)
            heard = heard_until(world, caller, 125)
            assert [one.what for one in heard] == ["183", "183"] and not any(one.session for one in heard)
            centre.answer()
            assert sdp(caller.expect("200")).media[0].port
            centre.expect("ACK")
            ended(world, caller, centre)

    def test_lost_ones_harm_nobody(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = ringing(world)
            lose(world, "180 INVITE", times=1)
            assert [one.what for one in heard_until(world, caller, 125)] == ["180"]
            caller.cancel()
            caller.expect("487")
            centre.expect("CANCEL")
            nothing_left(world, caller, centre)

    def test_without_an_offer(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = ringing(world, offer=b"")
            assert [one.what for one in heard_until(world, caller, 125)] == ["180", "180"]
            picked_up(caller, centre)
            ended(world, caller, centre)


class TestReliably:
    def test_what_was_confirmed_is_followed_by_plain_ones_without_sdp(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = arrived(world, reliable="supported")
            centre.ring(183, media=True)
            assert is_reliable(caller.expect("183"))
            again = heard_until(world, caller, 290)
            assert len(again) >= 2 and not any(is_reliable(one) or one.session for one in again)
            centre.answer()
            assert caller.expect("200").session is None
            centre.expect("ACK")
            ended(world, caller, centre)

    def test_where_it_is_required_each_has_its_number_and_its_prack(self) -> None:
        """RFC 3262 §3: what cannot be lost is said every two and a half minutes."""
        with World(trunk=LONG) as world:
            caller, centre = arrived(world, reliable="require")
            centre.ring(183, media=True)
            first = caller.expect("183")
            again = heard_until(world, caller, 460)
            assert [one.what for one in again] == ["183"] * 3 and all(is_reliable(one) for one in again)
            numbers = [int(header(one, "rseq")) for one in (first, *again)]
            assert numbers == list(range(numbers[0], numbers[0] + 4))
            assert not any(one.session for one in again), "the answer was given"
            picked_up(caller, centre)
            ended(world, caller, centre)

    def test_none_while_the_last_one_is_not_confirmed(self) -> None:
        """It is repeated anyway, and ends the call or not as ever."""
        with World(trunk=LONG) as world:
            caller = world.sbc.invite(reliable="require")
            caller.pracks = False
            centre = world.pbx.take()
            centre.ring(180)
            caller.expect("180")
            world.run(31)
            numbers = {header(message, "rseq") for message in said(world, caller, "180 INVITE")}
            assert len(numbers) == 1
            caller.cancel()
            world.run(40)
            world.settle()

    def test_without_an_offer_nothing_can_be_said(self) -> None:
        """RFC 3262 §5: it would have to make the offer, and the centre has made none."""
        with World(trunk=LONG) as world:
            caller, centre = arrived(world, offer=b"", reliable="require")
            centre.ring(180)
            caller.hears_nothing(200)
            picked_up(caller, centre)
            ended(world, caller, centre)

    def test_nobody_is_alerted_before_the_resources_are_there(self) -> None:
        with World(trunk=LONG) as world:
            caller = invite_with_qos(world)
            centre = world.pbx.take()
            centre.ring(183, media=True)
            caller.expect("183")
            centre.ring(180)
            again = heard_until(world, caller, 310)
            assert again and {one.what for one in again} == {"183"}, "not 180 (RFC 3312 §7)"
            caller.update(ready(caller))
            caller.expect("200 UPDATE")
            caller.expect("180")
            picked_up(caller, centre)
            ended(world, caller, centre)


class TestItEnds:
    def test_with_a_refusal(self) -> None:
        with World(trunk=LONG) as world:
            caller, centre = ringing(world)
            centre.refuse(486)
            caller.expect("486")
            caller.hears_nothing(200)
            nothing_left(world, caller, centre)

    def test_with_the_ring_limit(self) -> None:
        with World(trunk={"ring_limit_s": 100.0}) as world:
            caller, centre = arrived(world)
            centre.ring(180)
            heard = [one.what for one in heard_until(world, caller, 200)]
            assert heard[:2] == ["180", "180"] and len(heard) == 3
            world.settle()
