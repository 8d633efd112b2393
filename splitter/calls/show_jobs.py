"""What is shown in a call's room, and stills of it: jobs, whose ends are events in the inbox."""

from __future__ import annotations

import asyncio
from functools import partial

from splitter.calls.asks import Asked, Denial, Show
from splitter.calls.call import Call
from splitter.calls.events import ShowFailed, ShownAsAsked, StillTaken
from splitter.calls.jobs import FAULT
from splitter.calls.talk import media_commands as c
from splitter.calls.talk.room import PICTURE, SLATE, SPEAKER
from splitter.core.errors import MediaError, MediaTimeout

_SNAPSHOT_LIMIT_S = 7.0  # the engine's own is shorter
_DISPLAY = "display"  # what is shown is chosen one after the other


def carry_out_show(command: c.ShowCommand, call: Call) -> None:
    """Begin what a command asks for."""
    start = call.jobs.start
    match command:
        case c.ShowChoice(asked=asked, ask=ask):
            failed = ShownAsAsked(asked, Denial(500, "fault", FAULT))
            start(_DISPLAY, partial(_show, call, asked, ask), failed)
        case c.ShowAgain():
            start(_DISPLAY, partial(_show_again, call))
        case c.FollowSpeaker():
            start(_DISPLAY, partial(_show_again, call, SPEAKER))
        case c.LiftCover():
            start(_DISPLAY, partial(_lift, call, command.viewer))
        case c.TakeStill(name=name):
            denied = StillTaken(name, Denial(500, "fault", FAULT))
            start(f"snapshot of {name}", partial(_still, call, name), denied)
        case c.WantKeyFrame(name=name):
            if (key := f"a key frame for {name}") not in call.jobs:
                start(key, partial(call.video.request_key_frame, name))
        case _:
            raise TypeError(f"nobody carries out {type(command).__name__}")


async def _show(call: Call, asked: Asked, ask: Show) -> ShownAsAsked:
    try:
        await _put(call, ask.viewer, ask.source)
    except Denial as denial:
        return ShownAsAsked(asked, denial)
    return ShownAsAsked(asked)


async def _put(call: Call, viewer: str, source: str) -> None:
    image = None
    if source == SPEAKER:
        source = call.talk.room.speaker_for(viewer)
    if source.startswith(PICTURE):
        image = await call.services.pictures.image(source.removeprefix(PICTURE), call.talk.call_id)
        if image is None:
            raise Denial(404, "no-such-picture", f"there is no picture {source[:40]!r}")
    try:
        await call.video.show(viewer, source, image)
    except MediaTimeout as error:
        raise Denial(504, "timeout", f"the media worker: {error}") from None
    except MediaError as error:
        raise Denial(503, "no-media", f"the media worker: {error}") from None


async def _show_again(call: Call, only: str = "") -> None:
    for viewer, source in tuple(call.talk.room.choices.items()):
        members = call.talk.room.members
        there = source in members or source in (SLATE, SPEAKER) or source.startswith(PICTURE)
        if viewer in members and there and only in ("", source):
            try:
                await _put(call, viewer, source)
            except Denial as denial:
                call.post(ShowFailed(viewer, f"cannot be shown {source} again: {denial}"))


async def _lift(call: Call, viewer: str) -> ShowFailed | None:
    try:
        await call.video.show(viewer, "")
    except MediaError as error:
        return ShowFailed(viewer, f"the slate could not be taken back: {error}")
    return None


async def _still(call: Call, name: str) -> StillTaken:
    try:
        async with asyncio.timeout(_SNAPSHOT_LIMIT_S):
            return StillTaken(name, await call.video.snapshot(name))
    except (MediaTimeout, TimeoutError):
        return StillTaken(name, Denial(504, "timeout", f"no whole picture of {name} came in time"))
    except MediaError as error:
        return StillTaken(name, Denial(409, "no-picture", f"{name}: {error}"))
