"""Calls whose caller is asked for video, and what became of that."""

from __future__ import annotations

from typing import Any

from splitter.calls.asks import DropVideo, RaiseVideo
from splitter.calls.view import VideoView
from splitter.lab.offers import VideoLine
from tests.calls.kit import connected, ended, told
from tests.world import Heard, PeerCall, World

RAISE, DROP = RaiseVideo("agent 7001"), DropVideo("agent 7001")


def silent(call: PeerCall) -> None:
    """From now on the script answers re-INVITEs."""
    call.on_reinvite = lambda _: None


def voice_call(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """An answered call without video, whose caller waits for its script to answer re-INVITEs."""
    caller, centre = connected(world, **{"picture": VideoLine.NONE, **offered})
    silent(caller)
    return caller, centre


def asked(world: World, caller: PeerCall) -> Heard:
    """The agent has asked for video, and the phone has the question."""
    told(world, caller, RAISE)
    return caller.expect("INVITE")


def asked_call(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """A voice call whose phone has the question; (caller, centre)."""
    caller, centre = voice_call(world, **offered)
    asked(world, caller)
    return caller, centre


def view(world: World, caller: PeerCall) -> VideoView:
    return world.views[world.call_of(caller).talk.call_id].video


def codes(world: World) -> list[str]:
    """What desks were told of the caller's video."""
    return [notice.code for notice in world.notices if notice.code.startswith(("video", "asking", "caller"))]


def picture(world: World, caller: PeerCall) -> bool:
    """The room sends the caller a picture and takes its own."""
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    media = room.members.get("caller") if room else None
    return media is not None and media.sending and media.receiving


def stands(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The voice call goes on as if nothing had been asked, and comes to its ordinary end."""
    assert not picture(world, caller)
    assert world.voice_faults(caller) == []
    centre.hears_nothing(1)
    caller.unread.clear()
    ended(world, caller, centre)
