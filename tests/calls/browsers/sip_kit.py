"""A browser that calls by SIP in the world: its INVITE, its answers, and what its adapter was told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from splitter.calls.call import Call
from splitter.media.ports.adapters import AdapterSetting
from splitter.sdp.model import Attribute, Media, Session
from splitter.sdp.write import write
from tests.calls.browsers.kit import end_of, offer
from tests.world import PeerCall, World

TOKEN = [("Authorization", "Bearer C-4711")]
# As JsSIP has it; see `tests.calls.test_webrtc_seats`.
HEADERS = [
    ("Allow", "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY"),
    ("Supported", "timer,ice,replaces,outbound"),
]
_ANSWERED = ("rtpmap", "fmtp", "rtcp-fb", "mid")


def voice_alone() -> Session:
    """The offer of a browser that was given no camera."""
    whole = offer()
    group = Attribute("group", "BUNDLE 0")
    others = tuple(item for item in whole.attributes if item.name != "group")
    return replace(whole, media=whole.media[:1], attributes=(group, *others))


def dialled(world: World, session: Session | None = None, **changes: Any) -> PeerCall:
    """Its INVITE for 12345, with a customer's token."""
    changes.setdefault("headers", [*HEADERS, *TOKEN])
    body = write(session or offer())
    return world.page.invite(changes.pop("called", "12345"), body, **changes)


def arrived(world: World, session: Session | None = None, **changes: Any) -> tuple[PeerCall, PeerCall]:
    """A call that has come to the centre; (browser, centre)."""
    caller = dialled(world, session, **changes)
    return caller, world.pbx.take()


def connected(world: World, session: Session | None = None) -> tuple[PeerCall, PeerCall]:
    """An answered call; (browser, centre)."""
    caller, centre = arrived(world, session)
    centre.answer()
    caller.expect("200")
    centre.expect("ACK")
    world.run(0.3)
    assert voice_faults(world, caller) == []
    return caller, centre


def call_of(world: World, caller: PeerCall) -> Call:
    return world.call_of(caller)


def setting(world: World, caller: PeerCall) -> AdapterSetting:
    """What its adapter does."""
    return world.adapters.of(world.call_of(caller).talk.call_id).setting


def voice_faults(world: World, caller: PeerCall) -> list[str]:
    """Why its voice does not reach the relay, or the relay's not it."""
    call_id = world.call_of(caller).talk.call_id
    relay, adapter = world.engine.relay_of(call_id), world.adapters.of(call_id)
    assert relay is not None
    faults = []
    if adapter.setting.voice != end_of(relay.handle.local[0]):
        faults.append(f"the adapter sends to {adapter.setting.voice}, the relay is at {relay.handle.local[0]}")
    if relay.remote[0] != end_of(adapter.handle.voice):
        faults.append(f"the relay sends to {relay.remote[0]}, the adapter is at {adapter.handle.voice}")
    return faults


def picture_faults(world: World, caller: PeerCall) -> list[str]:
    """The same of its picture and the room."""
    call_id = world.call_of(caller).talk.call_id
    room, adapter = world.engine.room_of(call_id), world.adapters.of(call_id)
    if room is None or (media := room.members.get("caller")) is None:
        return ["the caller has no picture in the room"]
    faults = []
    if adapter.setting.picture != end_of(room.local["caller"]):
        faults.append(f"the adapter sends to {adapter.setting.picture}, the room is at {room.local['caller']}")
    if media.remote != end_of(adapter.handle.picture):
        faults.append(f"the room sends to {media.remote}, the adapter is at {adapter.handle.picture}")
    return faults


def answer_to(call: PeerCall, offered: Session, video: bool = True, **directions: str) -> Session:
    """What Chromium answers to an offer in its call: its own transport, the formats as they were offered."""
    ours = call.terminal.sent
    assert ours is not None
    own = [item for item in ours.media[0].attributes if item.name in ("ice-ufrag", "ice-pwd", "fingerprint")]
    lines = []
    for media in offered.media:
        if not media.port or (media.kind == "video" and not video):
            lines.append(Media(media.kind, 0, media.proto, media.formats))
            continue
        kept = [item for item in media.attributes if item.name in _ANSWERED]
        direction = directions.get(media.kind, _mirrored(media.direction))
        more = [Attribute("setup", "active"), Attribute("rtcp-mux"), Attribute(direction)]
        lines.append(Media(media.kind, 9, media.proto, media.formats, attributes=(*own, *kept, *more)))
    mids = " ".join(line.get("mid") or "" for line in lines if line.port)
    group = (Attribute("group", f"BUNDLE {mids}"),)
    answer = Session(ours.origin, tuple(lines), ours.connection, attributes=group)
    return call.terminal.note(answer)


def answers_offers(caller: PeerCall, video: bool = True) -> None:
    """Let it answer what it is offered, with video or without."""

    terminal: Any = caller.terminal
    terminal.answer = lambda offered, **wanted: answer_to(caller, offered, video)


def _mirrored(direction: str) -> str:
    return {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction, direction)


def over(world: World, caller: PeerCall) -> None:
    """Nothing is left of it, the adapter included."""
    world.settle()
    assert not world.adapters.open and not world.browsers.living(), caller
