"""Steps and looks that the tests of dialogs share."""

from __future__ import annotations

from dataclasses import replace

from splitter.sdp.model import Attribute, Media, Session
from splitter.sdp.write import write
from splitter.sip.message import Message, Request, Response
from tests.calls.kit import arrived, connected, ended, line, picked_up, relay_target, ringing, sdp
from tests.world import Heard, PeerCall, World
from tests.world.wire import Sent, label

SILENCE_S = 300.0
_GATEWAY = frozenset({"10.1.0.1", "10.2.0.1", "10.3.0.1"})
_QOS = ("curr", "des", "conf")


def header(heard: Heard | Message, name: str) -> str:
    """A header of what was heard; "" where it has none."""
    message = heard.message if isinstance(heard, Heard) else heard
    assert message is not None
    return message.headers.get(name) or ""


def response(heard: Heard) -> Response:
    assert isinstance(heard.message, Response)
    return heard.message


def request(heard: Heard) -> Request:
    assert isinstance(heard.message, Request)
    return heard.message


def is_reliable(heard: Heard) -> bool:
    return "100rel" in header(heard, "require") and header(heard, "rseq").isdigit()


def said(world: World, call: PeerCall, what: str) -> list[Message]:
    """What the gateway sent in a peer's call under this label ("183 INVITE"), repetitions included."""
    found = world.wire.sent.get(call.sip_call_id, ())
    return [one.message for one in found if one.source.host in _GATEWAY and label(one.message) == what]


def lose(world: World, *whats: str, times: int = 1000) -> None:
    """The next datagrams of these labels are lost; none at all with no label."""
    left = [times]

    def drop(sent: Sent) -> bool:
        if label(sent.message) not in whats or not left[0]:
            return False
        left[0] -= 1
        return True

    world.wire.drop = drop


def notes(world: World, call: PeerCall) -> str:
    """What the trace of a call says in words."""
    return "\n".join(event.text for event in world.trace_of(call) if event.kind != "message")


def nothing_left(world: World, *calls: PeerCall) -> None:
    """Every call of these is over, and the gateway holds nothing."""
    world.run(0.2)
    assert [call.state for call in calls] == ["ended"] * len(calls)
    world.settle()


# ---- preconditions ----


def with_qos(session: Session, current: str, desired: str = "mandatory") -> Session:
    """The description with the lines of a terminal whose own segment is at `current` (RFC 3312)."""
    lines = (
        Attribute("curr", f"qos local {current}"),
        Attribute("curr", "qos remote none"),
        Attribute("des", f"qos {desired} local sendrecv"),
        Attribute("des", "qos optional remote sendrecv"),
    )

    def put(media: Media) -> Media:
        kept = tuple(item for item in media.attributes if item.name not in _QOS)
        return media.with_(attributes=(*kept, *lines)) if media.port else media

    return replace(session, media=tuple(put(media) for media in session.media))


def qos_of(media: Media) -> set[str]:
    """Its lines about preconditions."""
    return {f"{item.name}:{item.value}" for item in media.attributes if item.name in _QOS}


def narrowed(caller: PeerCall) -> Session:
    """The caller's offer with what its answer took alone, as terminals repeat it (TS 24.229 §6.1.2)."""
    ours, theirs = caller.open_offer, next(iter(caller.early_answers.values()))
    assert ours is not None
    lines = []
    for mine, other in zip(ours.media, theirs.media, strict=True):
        kept = tuple(number for number in mine.formats if number in other.formats and other.port) or mine.formats
        attributes = tuple(
            item
            for item in mine.attributes
            if item.name not in ("rtpmap", "fmtp") or (item.value or "").partition(" ")[0] in kept
        )
        lines.append(mine.with_(formats=kept, attributes=attributes))
    return replace(ours, media=tuple(lines))


def ready(caller: PeerCall, current: str = "sendrecv") -> Session:
    """The offer of a terminal that has its resources."""
    return caller.terminal.given(write(with_qos(narrowed(caller), current)))


def invite_with_qos(world: World, current: str = "none", tags: str = "Require: precondition") -> PeerCall:
    """A caller that needs resources.

    Args:
        current: what it has.
        tags: "Require: precondition", or Supported.
    """
    name, _, value = tags.partition(": ")
    offer = with_qos(world.sbc.terminal().first_offer(), current)
    return world.sbc.invite(offer=write(offer), headers=[("Supported", "100rel, timer"), (name, value)])


__all__ = ["arrived", "connected", "ended", "line", "picked_up", "relay_target", "ringing", "sdp"]
