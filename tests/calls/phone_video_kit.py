"""Phones that were invited, and the pictures of theirs."""

from __future__ import annotations

from splitter.calls.asks import InvitePhone
from splitter.calls.view import PhoneView
from splitter.lab.offers import Voice
from splitter.sdp.model import Media, Session
from tests.calls.kit import connected as answered
from tests.calls.kit import told
from tests.calls.test_phones import OUTSIDE
from tests.world import PeerCall, World
from tests.world.media import Room

AGENT = "agent 8001"


def connected(world: World) -> tuple[PeerCall, PeerCall]:
    return answered(world, voice=Voice.G711)


def invited(world: World, caller: PeerCall, number: str = OUTSIDE) -> PeerCall:
    """A phone that is being called with video."""
    told(world, caller, InvitePhone(number, AGENT, video=True))
    return (world.sbc if number == OUTSIDE else world.pbx).take()


def joined(world: World, caller: PeerCall, *, video: str = "sendrecv") -> PeerCall:
    """A phone that is in the call, called with video."""
    phone = invited(world, caller)
    phone.ring(180)
    phone.answer(video=video)
    phone.expect("ACK")
    world.run_until(lambda: view_of(world, caller).state == "joined", 10.0)
    world.run(0.2)
    phone.unread.clear()
    return phone


def voiced(world: World, caller: PeerCall) -> PeerCall:
    """A phone that was called by voice."""
    told(world, caller, InvitePhone(OUTSIDE, AGENT))
    phone = world.sbc.take()
    phone.answer()
    phone.expect("ACK")
    world.run_until(lambda: view_of(world, caller).state == "joined", 10.0)
    return phone


def view_of(world: World, caller: PeerCall) -> PhoneView:
    return world.call_of(caller).view().phones[-1]


def room_of(world: World, caller: PeerCall) -> Room:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    return room


def pictured(world: World, caller: PeerCall, name: str = "phone-1") -> bool:
    """Whether a phone's picture is carried, and desks know of it."""
    parties = {party.name: party.kind for party in world.call_of(caller).view().parties if party.state == "connected"}
    return room_of(world, caller).members.get(name) is not None and parties.get(name) == "phone"


def placeless(world: World, caller: PeerCall) -> bool:
    """Whether nothing of a phone's picture is left."""
    call = world.call_of(caller)
    return "phone-1" not in room_of(world, caller).members and call.talk.parties.get("phone-1") is None


def lines(session: Session | None) -> list[tuple[str, bool]]:
    assert session is not None
    return [(media.kind, media.port > 0) for media in session.media]


def video(session: Session | None) -> Media:
    assert session is not None
    return next(media for media in session.media if media.kind == "video")
