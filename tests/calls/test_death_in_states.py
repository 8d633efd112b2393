"""The process dies while something is under way in a call: after it, everything works that works in a call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from splitter.calls.asks import Ask, DropVideo, InvitePhone, RaiseVideo, RemovePhone, SetPhoneVideo, Show, TakeSnapshot
from splitter.calls.persistence.records import FLUSH_S
from splitter.media.ports.rooms import Snapshot
from tests.calls.deaths import dies_at, each_act, waits
from tests.calls.kit import asking, connected, hung_up, joined, told, with_webrtc
from tests.calls.test_desk import join
from tests.calls.test_desk_display import FakeAlbum, album
from tests.dialogs.test_replaces import replacing
from tests.world import PeerCall, World

__all__ = ["album"]


def asks(world: World, caller: PeerCall, ask: Ask) -> None:
    """What a desk asks of the call; nobody waits for the answer of a process that dies."""
    asking(world, caller, ask).add_done_callback(lambda task: task.cancelled() or task.exception())


Begin = Callable[[World, PeerCall, PeerCall], object]


def on_hold(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """On hold for a while, and taken back at the moment of death."""
    centre.reinvite(audio="sendonly")
    world.run(1)
    centre.reinvite(audio="sendrecv")


def picture_shown(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """A picture is shown, and another choice is made at the moment of death."""
    told(world, caller, Show("picture:menu", "agent"))
    world.run(1)
    asks(world, caller, Show("slate", "agent"))


def escalated(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """Its video was dropped, and the caller is asked for it at the moment of death."""
    told(world, caller, DropVideo("agent"))
    world.run(1)
    asks(world, caller, RaiseVideo("agent"))


def taken_back(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The caller is asked for video, and the question is taken back as the phone answers it."""
    told(world, caller, DropVideo("agent"))
    world.run(1)
    caller.on_reinvite = lambda call: world.loop.call_later(1.01, PeerCall.accept, call)  # type: ignore[assignment]
    asks(world, caller, RaiseVideo("agent"))
    world.run(1)
    asks(world, caller, DropVideo("agent"))


def phone_called(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """A phone is called with video, and answers."""
    world.sbc.on_call = lambda call: PeerCall.answer(call)
    asks(world, caller, InvitePhone("13900001111", "agent", video=True))


def phone_asked(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """A phone that was called by voice is asked for its picture, and consents."""
    world.sbc.on_call = lambda call: PeerCall.answer(call)
    told(world, caller, InvitePhone("13900001111", "agent"))
    world.run(1)
    asks(world, caller, SetPhoneVideo("phone-1", True, "agent"))


STATES: dict[str, Begin] = {
    "on hold": on_hold,
    "another phone of the centre takes it over": lambda world, caller, centre: replacing(world, centre),
    "a guest joins": lambda world, caller, centre: asks(world, caller, join("phone", "", kind="guest")),
    "a desk joins": lambda world, caller, centre: asks(world, caller, join()),
    "a SIP seat joins": lambda world, caller, centre: world.desk.invite(world.call_of(caller).talk.call_id, seat=True),
    "a picture is asked for": lambda world, caller, centre: asks(world, caller, Show("picture:menu", "agent")),
    "a picture is shown": picture_shown,
    "the caller is asked for video": escalated,
    "a question for video is taken back": taken_back,
    "a phone is called with video": phone_called,
    "a phone is asked for video": phone_asked,
    "a screenshot is taken": lambda world, caller, centre: asks(world, caller, TakeSnapshot()),
}


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_everything_works_after_it(state: str, album: FakeAlbum) -> None:
    def play(world: World, act: int) -> bool:
        caller, centre = connected(world)
        joined(world, caller)
        with_webrtc(world, caller, "tab-0", "7000")
        world.run(2 * FLUSH_S)
        STATES[state](world, caller, centre)
        if not dies_at(act, world, heard=True, limit_s=2.0):
            return False
        caller.on_reinvite = PeerCall.accept
        world.run(40)
        for phone in tuple(world.call_of(caller).talk.phones):
            told(world, caller, RemovePhone(phone, "agent"))
        world.run(2)
        works(world, caller)
        return True

    each_act(play, "udp")


def works(world: World, caller: PeerCall) -> None:
    """Hold, resume, digits, video dropped and asked for, a screenshot, and the end."""
    centre = world.centre_of(caller)
    assert centre is not None, world.ladder()
    assert world.voice_faults(caller) == [], world.ladder()
    for direction, sends in (("sendonly", False), ("sendrecv", True)):
        centre.reinvite(audio=direction)
        world.run_until(lambda: not waits(centre) and not waits(caller), 30)
        way = caller.terminal.way("audio")
        assert way is not None and way.sends is sends and way.receives
    caller.request("INFO", body=b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
    world.run(1)
    assert "200 INFO" in caller.heard
    if world.call_of(caller).talk.video.view.state == "on":
        told(world, caller, DropVideo("agent"))
        world.run(5)
    told(world, caller, RaiseVideo("agent"), 60.0)
    world.run(5)
    assert caller.terminal.way("video") is not None
    assert isinstance(told(world, caller, TakeSnapshot()), Snapshot)
    caller.unread.clear()
    centre.unread.clear()
    hung_up(world, caller, centre)
