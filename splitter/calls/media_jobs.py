"""What the commands of a call's steps ask of the media engine: each is a job, whose end is an event in the inbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial, singledispatch
from typing import Any

from splitter.calls.asks import Asked, Denial, Show
from splitter.calls.call import Call
from splitter.calls.events import (
    ClientPlaced,
    ClientRestarted,
    DigitInserted,
    PlacesMade,
    SeatPlaced,
    SeatRestarted,
    ShowFailed,
    ShownAsAsked,
    StillTaken,
    VideoCarriedOut,
)
from splitter.calls.jobs import FAULT
from splitter.calls.states import Side
from splitter.calls.talk import media_commands as c
from splitter.calls.talk.room import PICTURE, SLATE
from splitter.calls.video_lines import answer_to_party
from splitter.core.errors import MediaError, MediaTimeout, PeerError
from splitter.sdp.model import Origin, Session

_SNAPSHOT_LIMIT_S = 7.0  # the engine's own is shorter
_DISPLAY = "display"  # what is shown is chosen one after the other


@singledispatch
def carry_out_media(command: c.MediaCommand[Any], call: Call) -> Any:
    """Begin what a command asks for. Returns: its reply."""
    raise TypeError(f"nobody carries out {type(command).__name__}")


# ---- the voice ---------------------------------------------------------------------------------------------------


@carry_out_media.register
def _(command: c.OpenVoice, call: Call) -> None:
    call.audio.open()


@carry_out_media.register
def _(command: c.AdoptVoice, call: Call) -> bool:
    return call.audio.adopt(command.opened)


@carry_out_media.register
def _(command: c.PointVoice, call: Call) -> None:
    call.audio.point_to(command.side, command.remote)


@carry_out_media.register
def _(command: c.SettlePointing, call: Call) -> bool:
    return call.audio.pointed(command.pointed)


@carry_out_media.register
def _(command: c.FollowVoice, call: Call) -> None:
    call.audio.follow()


@carry_out_media.register
def _(command: c.CountVoice, call: Call) -> None:
    call.audio.count(command.side, command.about)


@carry_out_media.register
def _(command: c.InsertDigit, call: Call) -> None:
    failed = DigitInserted(command.pressed, command.other, FAULT)
    call.jobs.start("digits", partial(_insert, call, command), failed)


async def _insert(call: Call, command: c.InsertDigit) -> DigitInserted:
    try:
        await call.audio.send_digit(command.side, command.digit)
    except MediaError as error:
        return DigitInserted(command.pressed, command.other, str(error))
    return DigitInserted(command.pressed, command.other)


# ---- the room, and who is in it ----------------------------------------------------------------------------------


@carry_out_media.register
def _(command: c.PrepareRoom, call: Call) -> None:
    call.video.prepare(command.network)


@carry_out_media.register
def _(command: c.MoveRoom, call: Call) -> None:
    call.jobs.start("the new room", partial(_move_room, call))


async def _move_room(call: Call) -> PlacesMade:
    return PlacesMade(await call.video.complete())


@carry_out_media.register
def _(command: c.SettleVideo, call: Call) -> None:
    """A wish that still waits for the engine is replaced by the newer one: a worker that is stuck has one to carry out
    when it is back, not all of them."""
    wishes, name = call.video.wishes, command.name
    before = wishes.get(name)
    wishes[name] = command if before is None else replace(command, relearn=command.relearn or before.relearn)
    if before is None:
        call.jobs.start(name, partial(_settle, call, name))


async def _settle(call: Call, name: str) -> VideoCarriedOut:
    command, room = call.video.wishes.pop(name), call.talk.room
    before, sources = room.received_by(Side.CALLER), call.live.sources(name)
    await call.video.take(name, command.peer, command.ours, command.index, sources, relearn=command.relearn)
    return VideoCarriedOut(name, room.received_by(Side.CALLER) != before)


@carry_out_media.register
def _(command: c.PlaceSeat, call: Call) -> None:
    failed = SeatPlaced(command.leg, command.party, command.offer, PeerError(FAULT, 500))
    call.jobs.start(command.party.name, partial(_place_seat, call, command), failed)


async def _place_seat(call: Call, command: c.PlaceSeat) -> SeatPlaced:
    """Give it its place in the room, with what its offer and our answer say."""
    video, party, offer, name = call.video, command.party, command.offer, command.party.name
    leg = call.live.legs[command.leg]
    await video.ready()
    if not await video.add(name, leg.flow.network, secure=party.remote is not None):
        return SeatPlaced(command.leg, party, offer, PeerError("no media resources for video", 503))
    try:
        answer, index = answer_to_party(call.talk.room, name, offer, command.origin, call.live.settings.bitrate_kbps)
    except PeerError as error:
        return SeatPlaced(command.leg, party, offer, error)
    await video.take(name, offer, answer, index, leg.trunk.sources)
    return SeatPlaced(command.leg, party, offer, answer)


@carry_out_media.register
def _(command: c.PlaceClient, call: Call) -> None:
    failed = ClientPlaced(command.asked, command.party, Denial(500, "fault", FAULT))
    call.jobs.start(command.party.name, partial(_place_client, call, command), failed)


async def _place_client(call: Call, command: c.PlaceClient) -> ClientPlaced:
    return ClientPlaced(command.asked, command.party, await _answer_client(call, command))


async def _answer_client(call: Call, command: c.PlaceClient) -> Session | Denial:
    video, room, name, offer = call.video, call.talk.room, command.party.name, command.offer
    await video.remove(name)
    if not await video.add(name, command.network, secure=True):
        return Denial(503, "no-media", "no media resources for video")
    if (here := room.ours(name)) is None:
        return Denial(503, "no-media", "the media worker was lost meanwhile")
    origin = Origin.of(here.host, call.services.ids.number(2**31))
    try:
        answer, index = answer_to_party(room, name, offer, origin, call.live.settings.bitrate_kbps)
    except PeerError as error:
        return Denial(422, "bad-offer", error.reason)
    if not await video.take(name, offer, answer, index):
        return Denial(503, "no-media", "the media worker did not take the video")
    return answer


@carry_out_media.register
def _(command: c.RestartSeat, call: Call) -> None:
    failed = SeatRestarted(command.offered, command.offer, command.party, command.remote, ok=False)
    call.jobs.start(command.name, partial(_restart_seat, call, command), failed)


async def _restart_seat(call: Call, command: c.RestartSeat) -> SeatRestarted:
    """An ICE restart by re-INVITE (RFC 8839 §4.4.1.1.1)."""
    local = await call.video.restart_ice(command.name)
    return SeatRestarted(command.offered, command.offer, command.party, command.remote, local is not None)


@carry_out_media.register
def _(command: c.RestartClient, call: Call) -> None:
    failed = ClientRestarted(command.asked, None, ok=False)
    call.jobs.start(command.name, partial(_restart_client, call, command), failed)


async def _restart_client(call: Call, command: c.RestartClient) -> ClientRestarted:
    video = call.video
    local = await video.restart_ice(command.name) if command.restarts else None
    ok = (local is not None or not command.restarts) and await video.point_secure(command.name, command.remote)
    return ClientRestarted(command.asked, local, ok)


@carry_out_media.register
def _(command: c.BringIn, call: Call) -> None:
    call.jobs.start(command.name, partial(call.video.bring_in, command.name))


@carry_out_media.register
def _(command: c.RemoveParticipant, call: Call) -> None:
    call.jobs.start(command.name, partial(call.video.remove, command.name))


# ---- what is shown -----------------------------------------------------------------------------------------------


@carry_out_media.register
def _(command: c.ShowChoice, call: Call) -> None:
    failed = ShownAsAsked(command.asked, Denial(500, "fault", FAULT))
    call.jobs.start(_DISPLAY, partial(_show, call, command.asked, command.ask), failed)


async def _show(call: Call, asked: Asked, ask: Show) -> ShownAsAsked:
    try:
        await _put(call, ask.viewer, ask.source)
    except Denial as denial:
        return ShownAsAsked(asked, denial)
    return ShownAsAsked(asked)


async def _put(call: Call, viewer: str, source: str) -> None:
    image = None
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


@carry_out_media.register
def _(command: c.ShowAgain, call: Call) -> None:
    call.jobs.start(_DISPLAY, partial(_show_again, call))


async def _show_again(call: Call) -> None:
    for viewer, source in tuple(call.talk.room.choices.items()):
        members = call.talk.room.members
        if viewer in members and (source in members or source == SLATE or source.startswith(PICTURE)):
            try:
                await _put(call, viewer, source)
            except Denial as denial:
                call.post(ShowFailed(viewer, f"cannot be shown {source} again: {denial}"))


@carry_out_media.register
def _(command: c.LiftCover, call: Call) -> None:
    call.jobs.start(_DISPLAY, partial(_lift, call, command.viewer))


async def _lift(call: Call, viewer: str) -> ShowFailed | None:
    try:
        await call.video.show(viewer, "")
    except MediaError as error:
        return ShowFailed(viewer, f"the slate could not be taken back: {error}")
    return None


@carry_out_media.register
def _(command: c.TakeStill, call: Call) -> None:
    failed = StillTaken(command.name, Denial(500, "fault", FAULT))
    call.jobs.start(f"snapshot of {command.name}", partial(_still, call, command.name), failed)


async def _still(call: Call, name: str) -> StillTaken:
    try:
        async with asyncio.timeout(_SNAPSHOT_LIMIT_S):
            return StillTaken(name, await call.video.snapshot(name))
    except (MediaTimeout, TimeoutError):
        return StillTaken(name, Denial(504, "timeout", f"no whole picture of {name} came in time"))
    except MediaError as error:
        return StillTaken(name, Denial(409, "no-picture", f"{name}: {error}"))


@carry_out_media.register
def _(command: c.WantKeyFrame, call: Call) -> None:
    if (key := f"a key frame for {command.name}") not in call.jobs:
        call.jobs.start(key, partial(call.video.request_key_frame, command.name))
