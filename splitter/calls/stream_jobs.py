"""Further streams of a WebRTC client: others are shown to it, each in a line of its own on its transport."""

from __future__ import annotations

from splitter.calls.asks import Denial
from splitter.calls.call import Call
from splitter.calls.events import StreamsOpened
from splitter.calls.parties import stream_name
from splitter.calls.talk.media_commands import OpenStreams
from splitter.calls.video_lines import answer_with_streams
from splitter.core.errors import MediaError, PeerError
from splitter.sdp.model import Origin


async def open_streams(call: Call, command: OpenStreams) -> StreamsOpened:
    """Let the room show what is wanted, in as few steps as are needed: what is shown already goes on."""
    video, room, party = call.video, call.talk.room, command.party
    wanted = {stream_name(party.name, index): (index, source) for index, source in command.wanted}
    for stream in room.streams_of(party.name):
        if stream not in wanted:
            await video.remove(stream)
    for stream in wanted:
        lack = await video.add_beside(stream, party.name) if stream not in room.members else None
        if lack is not None:
            return _denied(command, Denial(503, lack.code, lack.words))
    if (here := room.ours(party.name)) is None:
        return _denied(command, Denial(409, "media-lost", f"{party.name} has no transport: join again"))
    origin = party.origin.next() if party.origin else Origin.of(here.host, call.services.ids.number(2**31))
    bitrate_kbps, lines = call.live.settings.bitrate_kbps, {index: name for name, (index, _) in wanted.items()}
    try:
        answer = answer_with_streams(room, party.name, command.offer, origin, bitrate_kbps, lines, party.direction)
    except PeerError as error:
        return _denied(command, Denial(422, "bad-offer", error.reason))
    for stream, (index, source) in wanted.items():
        if not await video.carry_out(stream, command.offer, answer, index):
            return _denied(command, Denial(503, "no-media", "the media worker did not take it"))
        try:
            await video.show(stream, source)
        except MediaError as error:
            return _denied(command, Denial(503, "no-media", f"the media worker: {error}"))
    shown = tuple((stream, source) for stream, (_, source) in wanted.items())
    mids = tuple((command.offer.media[index].get("mid") or "", source) for index, source in command.wanted)
    return StreamsOpened(command.asked, party, answer, shown, mids)


def _denied(command: OpenStreams, denial: Denial) -> StreamsOpened:
    return StreamsOpened(command.asked, command.party, denial)
