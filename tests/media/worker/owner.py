"""A gateway's half of media in a process of its own, to be killed: it opens a relay and a room, tells of them, and waits.

python -m tests.media.worker.owner FOLDER HOST:RTP:RTCP ×4    the peers: caller and centre, then caller and seat
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import uvloop

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.rooms import ParticipantHandle, ParticipantMedia, RoomHandle
from splitter.media.ports.voice import RelayHandle
from splitter.sdp.video import VideoFormat
from tests.media.worker.stand import gateway, sides

H264 = VideoFormat(payload_type=96)


class Written(msgspec.Struct, frozen=True):
    """What a call would write down."""

    relay: RelayHandle
    room: RoomHandle
    caller: ParticipantHandle
    seat: ParticipantHandle


def remote(words: str) -> RemoteEnd:
    """The peer that is named on the command line."""
    host, rtp, rtcp = words.split(":")
    return RemoteEnd(Address(host, int(rtp)), Address(host, int(rtcp)))


async def own(folder: str, peers: list[RemoteEnd]) -> None:
    made = gateway(folder)
    await made.start()
    relay = await made.open("call-1", sides(), print)
    room = await made.open_room("call-1", print)
    caller = await made.join(room, "caller", "access")
    seat = await made.join(room, "seat-1", "core")
    for side in (0, 1):
        await made.point(relay, side, peers[side])
    for handle, peer in zip((caller, seat), peers[2:], strict=True):
        await made.set_participant(handle, ParticipantMedia(peer, H264, H264))
    print(msgspec.json.encode(Written(relay, room, caller, seat)).decode(), flush=True, file=sys.stderr)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(own(sys.argv[1], [remote(words) for words in sys.argv[2:]]))
