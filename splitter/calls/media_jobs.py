"""What a call's steps ask of the media engine for voice and video: jobs, whose ends are events in the inbox."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from splitter.calls.asks import Denial
from splitter.calls.audio import Audio
from splitter.calls.call import Call
from splitter.calls.events import (
    ClientPlaced,
    ClientRestarted,
    PhonePlaced,
    PlacesMade,
    SeatPlaced,
    SeatRestarted,
    StreamsOpened,
    VideoCarriedOut,
)
from splitter.calls.jobs import FAULT
from splitter.calls.states import Lack, Side
from splitter.calls.stream_jobs import open_streams
from splitter.calls.talk import media_commands as c
from splitter.calls.video_lines import answer_to_party
from splitter.core.errors import PeerError
from splitter.sdp.model import Origin, Session


def carry_out_voice(command: c.VoiceCommand[Any], audio: Audio) -> Any:
    """Begin what a command asks for. Returns: its reply."""
    match command:
        case c.OpenVoice():
            audio.open()
        case c.MoveVoice():
            audio.move()
        case c.AdoptVoice():
            return audio.adopt(command.opened)
        case c.PointVoice():
            audio.point_to(command.side, command.remote)
        case c.SettlePointing():
            return audio.pointed(command.pointed)
        case c.SettleHearing():
            return audio.hearing_set(command.done)
        case c.AddVoice():
            audio.add(command.name)
        case c.RemoveVoice():
            audio.remove(command.number)
        case c.SetHearing():
            audio.hear(command.hearing)
        case c.FollowVoice():
            audio.follow()
        case c.CountVoice():
            audio.count(command.side, command.about)
        case c.InsertDigit():
            audio.insert(command.side, command.other, command.digit, command.pressed)
        case _:
            raise TypeError(f"nobody carries out {type(command).__name__}")


def carry_out_in_room(command: c.RoomCommand, call: Call) -> None:
    """Begin what a command asks for; the jobs of one participant run one after the other."""
    start, video = call.jobs.start, call.video
    match command:
        case c.PrepareRoom():
            video.prepare(command.network)
        case c.MoveRoom():
            start("the new room", partial(_move_room, call))
        case c.SettleVideo():
            _settle_video(command, call)
        case c.PlaceSeat(leg=leg, party=party, offer=offer):
            failed = SeatPlaced(leg, party, offer, PeerError(FAULT, 500))
            start(party.name, partial(_place_seat, call, command), failed)
        case c.PlacePhone(name=name):
            start(name, partial(_place_phone, call, command), PhonePlaced(name, Lack.MEDIA))
        case c.PlaceClient(asked=asked, party=party):
            denied = ClientPlaced(asked, party, Denial(500, "fault", FAULT))
            start(party.name, partial(_place_client, call, command), denied)
        case c.RestartSeat():
            start(command.name, partial(_restart_seat, call, command), _restarted(command, ok=False))
        case c.RestartClient():
            not_restarted = ClientRestarted(command.asked, None, ok=False)
            start(command.name, partial(_restart_client, call, command), not_restarted)
        case c.OpenStreams(asked=asked, party=party):
            not_opened = StreamsOpened(asked, party, Denial(500, "fault", FAULT))
            start(party.name, partial(open_streams, call, command), not_opened)
        case c.RankParticipant():
            start(command.name, partial(video.rank, command.name))
        case c.RemoveParticipant():
            start(command.name, partial(video.remove, command.name))
        case _:
            raise TypeError(f"nobody carries out {type(command).__name__}")


async def _move_room(call: Call) -> PlacesMade:
    return PlacesMade(await call.video.complete())


def _settle_video(command: c.SettleVideo, call: Call) -> None:
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
    await call.video.carry_out(name, command.peer, command.ours, command.index, sources, relearn=command.relearn)
    return VideoCarriedOut(name, room.received_by(Side.CALLER) != before)


async def _place_seat(call: Call, command: c.PlaceSeat) -> SeatPlaced:
    """Give it its place in the room, with what its offer and our answer say."""
    video, party, offer, name = call.video, command.party, command.offer, command.party.name
    leg = call.live.legs[command.leg]
    await video.ready()
    lack = await video.add(name, leg.flow.network, secure=party.remote is not None)
    if lack is not None:
        return SeatPlaced(command.leg, party, offer, PeerError(lack.words, 503))
    try:
        answer, index = answer_to_party(call.talk.room, name, offer, command.origin, call.live.settings.bitrate_kbps)
    except PeerError as error:
        return SeatPlaced(command.leg, party, offer, error)
    await video.carry_out(name, offer, answer, index, leg.trunk.sources)
    return SeatPlaced(command.leg, party, offer, answer)


async def _place_phone(call: Call, command: c.PlacePhone) -> PhonePlaced:
    await call.video.remove(command.name)
    return PhonePlaced(command.name, await call.video.add(command.name, command.network))


async def _place_client(call: Call, command: c.PlaceClient) -> ClientPlaced:
    return ClientPlaced(command.asked, command.party, await _answer_client(call, command))


async def _answer_client(call: Call, command: c.PlaceClient) -> Session | Denial:
    video, room, name, offer = call.video, call.talk.room, command.party.name, command.offer
    await video.remove(name)
    if (lack := await video.add(name, command.network, secure=True)) is not None:
        return Denial(503, lack.code, lack.words)
    if (here := room.ours(name)) is None:
        return Denial(503, "no-media", "the media worker was lost meanwhile")
    origin = Origin.of(here.host, call.services.ids.number(2**31))
    try:
        bitrate_kbps, direction = call.live.settings.bitrate_kbps, command.party.direction
        answer, index = answer_to_party(room, name, offer, origin, bitrate_kbps, direction)
    except PeerError as error:
        return Denial(422, "bad-offer", error.reason)
    if not await video.carry_out(name, offer, answer, index):
        return Denial(503, "no-media", "the media worker did not take the video")
    return answer


async def _restart_seat(call: Call, command: c.RestartSeat) -> SeatRestarted:
    """An ICE restart by re-INVITE (RFC 8839 §4.4.1.1.1)."""
    local = await call.video.restart_ice(command.name)
    return _restarted(command, ok=local is not None)


def _restarted(command: c.RestartSeat, ok: bool) -> SeatRestarted:
    return SeatRestarted(command.offered, command.offer, command.party, command.remote, ok)


async def _restart_client(call: Call, command: c.RestartClient) -> ClientRestarted:
    video = call.video
    local = await video.restart_ice(command.name) if command.restarts else None
    ok = (local is not None or not command.restarts) and await video.point_secure(command.name, command.remote)
    return ClientRestarted(command.asked, local, ok)
