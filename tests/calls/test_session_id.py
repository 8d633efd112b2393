"""Session-ID over both legs (RFC 7989), and what goes with early media (RFC 5009)."""

from __future__ import annotations

import random

import pytest

from splitter.calls.peers.session_id import NONE, half_of, session_id_of
from splitter.calls.states import Direction
from splitter.core.ids import IdSource
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from tests.calls.kit import arrived
from tests.world import World

CALLER = "ab30317f1a784dc48ff824d0d3715d86"
CENTRE = "47755a9de7794ba387653f2099600ef2"


def invite(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:110@gateway.example", Headers(headers))


class TestHalves:
    def test_the_callers_half_is_kept(self) -> None:
        session = session_id_of(
            invite(("Session-ID", f"{CALLER.upper()};remote={NONE}")), IdSource(random.Random(1)), Direction.IN
        )
        assert session.towards_centre == f"{CALLER};remote={NONE}"
        assert session.towards_caller == f"{NONE};remote={CALLER}"

    def test_the_centres_half_is_learned_and_kept(self) -> None:
        session = session_id_of(invite(("Session-ID", CALLER)), IdSource(random.Random(1)), Direction.IN)
        session.learn_centre(invite(("Session-ID", f"{CENTRE};remote={CALLER}")))
        session.learn_centre(invite())
        assert session.towards_caller == f"{CENTRE};remote={CALLER}"

    @pytest.mark.parametrize("value", ["", NONE, "xyz", "ab30317f1a784dc48ff824d0d3715d8z"])
    def test_a_useless_one_is_none_and_one_is_made(self, value: str) -> None:
        request = invite(("Session-ID", value))
        assert half_of(request) == ""
        made = session_id_of(request, IdSource(random.Random(1)), Direction.IN).towards_centre
        assert made.endswith(f";remote={NONE}")
        assert len(made.partition(";")[0]) == 32 and not made.startswith(NONE)


class TestOnTheWire:
    def test_each_side_gets_the_others_half(self) -> None:
        with World(seed=1) as world:
            call, inside = arrived(world, headers=[("Session-ID", f"{CALLER};remote={NONE}")])
            assert inside.invite.headers.get_all("session-id") == [f"{CALLER};remote={NONE}"]
            inside.ring(180, headers=[("Session-ID", f"{CENTRE};remote={CALLER}")])
            ringing = call.expect("180")
            assert ringing.message.headers.get_all("session-id") == [f"{CENTRE};remote={CALLER}"]
            inside.answer()
            answered = call.expect("200")
            assert answered.message.headers.get_all("session-id") == [f"{CENTRE};remote={CALLER}"]
            inside.bye()
            assert call.expect("BYE").message.headers.get("session-id") == f"{CENTRE};remote={CALLER}"
            world.settle()


class TestEarlyMedia:
    @pytest.mark.parametrize("asked", [True, False])
    def test_is_announced_to_a_network_that_asks(self, asked: bool) -> None:
        with World(seed=1) as world:
            call, inside = arrived(world, headers=[("P-Early-Media", "supported")] if asked else [])
            inside.ring(180)
            assert "p-early-media" not in call.expect("180").message.headers
            inside.ring(183, media=True)
            assert call.expect("183").message.headers.get("p-early-media") == ("sendrecv" if asked else None)
            inside.answer()
            call.expect("200")
            call.bye()
            world.settle()
