"""What is shown in a call's room, and stills of it: jobs, whose ends are events in the inbox."""

from __future__ import annotations

import asyncio
from functools import partial

from splitter.calls.asks import Asked, Denial, Show
from splitter.calls.call import Call
from splitter.calls.events import MosaicSet, ShowFailed, ShownAsAsked, StillTaken
from splitter.calls.jobs import FAULT
from splitter.calls.talk import media_commands as c
from splitter.calls.talk.room import MOSAIC, PICTURE, SLATE, SPEAKER
from splitter.core.errors import MediaError, MediaTimeout
from splitter.media.ports.mosaics import MosaicPlan

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
            start(_DISPLAY, partial(_show_again, call, (SPEAKER, MOSAIC)))
        case c.FollowMosaic():
            start(_DISPLAY, partial(_show_again, call, (MOSAIC,)))
        case c.SetMosaic(plan=plan):
            call.video.mosaic.latest = plan
            start("the mosaic", partial(_set_mosaic, call, plan), MosaicSet(plan, FAULT))
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
    source = call.talk.room.resolved(viewer, source)
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


async def _show_again(call: Call, only: tuple[str, ...] = ()) -> None:
    for viewer, source in tuple(call.talk.room.choices.items()):
        members = call.talk.room.members
        there = source in members or source in (SLATE, SPEAKER, MOSAIC) or source.startswith(PICTURE)
        if viewer in members and there and (not only or source in only):
            try:
                await _put(call, viewer, source)
            except Denial as denial:
                call.post(ShowFailed(viewer, f"cannot be shown {source} again: {denial}"))


async def _set_mosaic(call: Call, plan: MosaicPlan | None) -> MosaicSet | None:
    if plan not in (None, call.video.mosaic.latest):
        return None  # another one has been asked for meanwhile; one that is gone must be ended all the same
    try:
        await call.video.mosaic.set(plan)
    except MediaError as error:
        return MosaicSet(plan, str(error))
    return MosaicSet(plan)


async def _lift(call: Call, viewer: str) -> ShowFailed | None:
    try:
        await call.video.show(viewer, "")
    except MediaError as error:
        return ShowFailed(viewer, f"the waiting picture could not be taken back: {error}")
    return None


async def _still(call: Call, name: str) -> StillTaken:
    try:
        async with asyncio.timeout(_SNAPSHOT_LIMIT_S):
            return StillTaken(name, await call.video.snapshot(name))
    except (MediaTimeout, TimeoutError):
        return StillTaken(name, Denial(504, "timeout", f"no whole picture of {name} came in time"))
    except MediaError as error:
        return StillTaken(name, Denial(409, "no-picture", f"{name}: {error}"))
