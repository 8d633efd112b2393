"""Steps that many flows begin or end with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from splitter.calls.asks import Admitted, Answer, Ask, Denial, Desk, Join
from splitter.core.net import Address
from splitter.sdp.model import Media, Session
from splitter.sdp.parse import parse
from splitter.sip.events import RequestArrived
from tests.world import Heard, Peer, PeerCall, World


def arrived(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """A call that has come to the centre, which has said nothing yet; (caller, centre)."""
    caller = world.sbc.invite(**offered)
    return caller, world.pbx.take()


def ringing(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """A call that rings at the centre; (caller, centre)."""
    caller, centre = arrived(world, **offered)
    centre.ring(180)
    caller.expect("180")
    return caller, centre


def picked_up(caller: PeerCall, centre: PeerCall) -> None:
    """The centre answers, and both sides have it."""
    centre.answer()
    caller.expect("200")
    centre.expect("ACK")


def connected(world: World, **offered: Any) -> tuple[PeerCall, PeerCall]:
    """An answered call whose voice is connected; (caller, centre)."""
    caller, centre = arrived(world, **offered)
    picked_up(caller, centre)
    world.run(0.1)
    assert world.voice_faults(caller) == []
    return caller, centre


def joined(world: World, caller: PeerCall) -> PeerCall:
    """A seat that has joined this caller's call."""
    call = world.call_of(caller)
    seat = world.desk.invite(call.talk.call_id, seat=True)
    seat.expect("200")
    world.run(0.2)
    return seat


def asking(world: World, caller: PeerCall, ask: Ask) -> asyncio.Task[Answer]:
    """What a desk asks of this caller's call; the answer comes when the world runs."""
    return world.loop.create_task(world.calls.ask(world.call_of(caller).talk.call_id, ask))


def told(world: World, caller: PeerCall, ask: Ask, limit_s: float = 20.0) -> Answer:
    """Ask, and run the world until the answer is there. Raises what it was denied with."""
    task = asking(world, caller, ask)
    world.run_until(task.done, limit_s)
    return task.result()


def denied(world: World, caller: PeerCall, ask: Ask) -> tuple[int, str]:
    """The status and code of the denial that this ask gets."""
    task = asking(world, caller, ask)
    world.run_until(task.done, 20.0)
    error = task.exception()
    assert isinstance(error, Denial), error
    return error.status, error.code


def browser_offer(name: str = "chromium") -> Session:
    """What a browser really offers."""
    text = (Path(__file__).parent.parent / "sdp" / "webrtc" / f"{name}.sdp").read_text()
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    return parse("".join(lines).split("----\n")[0])


def with_webrtc(world: World, caller: PeerCall, client: str = "tab-1", extension: str = "7001") -> Admitted:
    """An agent's browser that has joined this caller's call, by a rule where that is another desk's."""
    desk = Desk(client, extension, by=f"agent {extension}")
    answer = told(world, caller, Join(desk, browser_offer(), "desks", by_rule=True))
    assert isinstance(answer, Admitted)
    world.run(0.2)
    return answer


def ended(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The voice is connected, the caller hangs up, the centre hears of it and nothing is left."""
    world.run(0.1)
    assert world.voice_faults(caller) == []
    hung_up(world, caller, centre)


def hung_up(world: World, caller: PeerCall, centre: PeerCall) -> None:
    """The caller hangs up, whatever became of the voice; the centre hears of it and nothing is left."""
    world.run(0.1)
    if centre.unread and centre.unread[0].what == "ACK":
        centre.unread.popleft()
    caller.bye()
    centre.expect("BYE")
    caller.expect("200 BYE")
    world.settle()


def redirecting(world: World, *redirects: tuple[int, str], by: Peer | None = None) -> list[str]:
    """The centre (or `by`) answers its next INVITEs so: status and Contact. Returns: the Request-URIs of these."""
    peer = by or world.pbx
    left, asked = list(redirects), list[str]()

    def answer(event: RequestArrived) -> bool:
        if event.request.method != "INVITE" or not left:
            return False
        status, contact = left.pop(0)
        asked.append(event.request.uri)
        peer.driver.respond(event.txn, event.request.respond(status, to_tag="r", headers=[("Contact", contact)]))
        return True

    peer.guard = answer
    return asked


def drop_next(world: World, source: Peer, what: str, times: int = 1) -> None:
    """Lose the next datagrams of this label ("ACK", "200 INVITE") that this peer sends."""
    left = [times]

    def drop(sent: object) -> bool:
        from tests.world.wire import Sent, label

        assert isinstance(sent, Sent)
        if sent.source == source.address and label(sent.message) == what and left[0]:
            left[0] -= 1
            return True
        return False

    world.wire.drop = drop


def sdp(heard: Heard) -> Session:
    """The description in what was heard; there must be one."""
    assert heard.session is not None, heard.message
    return heard.session


def line(session: Session, kind: str) -> Media:
    """The first line of this kind."""
    return next(media for media in session.media if media.kind == kind)


def relay_target(world: World, caller: PeerCall, side: int) -> Address | None:
    """Where the call's relay sends to on this side."""
    call = world.call_of(caller)
    relay = world.engine.relay_of(call.talk.call_id)
    assert relay is not None
    remote = relay.remote[side]
    return remote.rtp if remote else None


def header(message: object, name: str) -> str | None:
    """A header of what was heard."""
    return message.headers.get(name)  # type: ignore[attr-defined,no-any-return]
