"""An expert is let in by a link: a party of its own, and not the caller."""

from __future__ import annotations

from splitter.calls.asks import Bind, Desk, Join, Show
from splitter.calls.parties import MAX_GUESTS
from tests.calls.kit import browser_offer, connected, denied, ended, told
from tests.world import PeerCall, World

HOST = "7001"


def expert(client: str, title: str = "") -> Join:
    return Join(Desk(client, kind="expert", by="guest of a link", title=title), browser_offer(), "desks")


def owned(world: World) -> tuple[PeerCall, PeerCall]:
    """A call whose desk has joined it."""
    caller, centre = connected(world)
    told(world, caller, Bind(HOST, "cti"))
    told(world, caller, Join(Desk("tab", HOST, by=HOST), browser_offer(), "desks"))
    return caller, centre


def ranks(world: World, caller: PeerCall) -> dict[str, tuple[bool, bool]]:
    """Who is the host's, and who is seen by choice alone, as the room was told."""
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return {name: (media.first, media.aside) for name, media in room.members.items() if media is not None}


class TestAnExpert:
    def test_is_a_party_of_its_own_and_seen_by_choice(self, world: World) -> None:
        caller, centre = owned(world)
        told(world, caller, expert("phone", "Dr Li"))
        world.run(0.2)
        view = world.call_of(caller).view()
        assert [(one.name, one.kind, one.title) for one in view.parties] == [
            ("desk-1", "webrtc", ""),
            ("expert-1", "expert", "Dr Li"),
        ]
        assert ranks(world, caller) == {"caller": (False, False), "desk-1": (True, False), "expert-1": (False, True)}
        told(world, caller, Show("expert-1", HOST))
        assert world.call_of(caller).talk.room.choices == {"caller": "expert-1"}
        ended(world, caller, centre)

    def test_does_not_take_the_call_that_is_nobodys(self, world: World) -> None:
        caller, centre = connected(world)
        told(world, caller, expert("phone"))
        assert world.call_of(caller).view().extension == ""
        assert ranks(world, caller)["expert-1"] == (False, True)
        ended(world, caller, centre)

    def test_there_are_not_too_many(self, world: World) -> None:
        caller, centre = owned(world)
        for at in range(MAX_GUESTS):
            told(world, caller, expert(f"phone {at}"))
        assert denied(world, caller, expert("one more")) == (409, "full")
        told(world, caller, Join(Desk("the caller's", kind="guest"), browser_offer(), "desks"))
        ended(world, caller, centre)


class TestTheHost:
    def test_is_seen_first_and_its_successor_after_it(self, world: World) -> None:
        caller, centre = owned(world)
        program = Join(Desk("program", by="crm"), browser_offer(), "desks", by_rule=True)
        told(world, caller, program)
        assert ranks(world, caller)["desk-2"] == (False, False), "it stands in while the host is not seen"
        told(world, caller, Join(Desk("tab2", "7002", by="7002"), browser_offer(), "desks", by_rule=True))
        told(world, caller, Bind("7002", "cti"))
        world.run(0.1)
        assert ranks(world, caller)["desk-3"] == (True, False)
        ended(world, caller, centre)
