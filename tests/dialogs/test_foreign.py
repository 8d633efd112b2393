"""Requests about a dialog that another neighbour sends: to that one the dialog is not there (RFC 3261 §26.1.4)."""

from __future__ import annotations

import pytest

from splitter.lab.offers import VideoLine
from splitter.sip.message import Request
from splitter.transport.bans import POINTS
from tests.dialogs.kit import connected, ended, notes
from tests.dialogs.test_replaces import naming
from tests.world import Peer, PeerCall, World


def forged(world: World, sender: Peer, request: Request) -> list[int]:
    """The statuses that a request gets which this peer sends."""
    heard: list[int] = []

    def listen(event: object) -> None:
        if (response := getattr(event, "response", None)) is not None:
            heard.append(response.status)

    sender.driver.request(request, sender.gateway, listen)
    world.run(1)
    return heard


def request_of(call: PeerCall, method: str) -> Request:
    """As the other side of this dialog would send it."""
    assert call.dialog is not None
    body, kind = (b"Signal=1\r\nDuration=100\r\n", "application/dtmf-relay") if method == "INFO" else (b"", None)
    return call.dialog.request(method, headers=call.own_headers(), body=body, content_type=kind)


class TestAnotherTrunk:
    @pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS"])
    def test_has_no_say_in_the_dialog(self, method: str, world: World) -> None:
        caller, centre = connected(world)
        assert forged(world, world.pbx2, request_of(centre, method)) == [481]
        caller.hears_nothing(1)
        centre.hears_nothing(1)
        call = world.call_of(caller)
        assert call.talk.state == "connected"
        ended(world, caller, centre)

    def test_is_counted_and_stands_in_the_log(self, world: World) -> None:
        caller, centre = connected(world)
        forged(world, world.pbx2, request_of(centre, "BYE"))
        assert [line["source"] for line in world.logs if line.get("reason") == "foreign-dialog"]
        assert "foreign-dialog" in POINTS
        ended(world, caller, centre)

    def test_may_not_replace_it(self, world: World) -> None:
        caller, centre = connected(world)
        stranger = world.pbx2.invite("anything", headers=[naming(centre)], picture=VideoLine.NONE)
        stranger.expect("481")
        ended(world, caller, centre)

    def test_may_not_take_back_its_offer(self, world: World) -> None:
        """A CANCEL has the branch of its INVITE; whoever has seen that is not its sender yet (§9.2)."""
        caller, centre = connected(world)
        centre.reinvite(audio="sendonly")
        world.run(0.1)
        sent = [one for one in world.wire.sent[centre.sip_call_id] if one.source == centre.peer.address][-1]
        cancel = sent.data.replace(b"INVITE sip:", b"CANCEL sip:", 1).replace(b" INVITE\r\n", b" CANCEL\r\n")
        head = cancel.partition(b"\r\n\r\n")[0]
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-", b"l:", b"c:"))]
        data = b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])
        world.wire.arrive(world.pbx2.address, world.pbx2.gateway.remote, data)
        world.run(0.2)
        assert not [one for one in world.wire.sent[centre.sip_call_id] if b"487" in one.data[:20]]
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(0.5)
        caller.unread.clear()
        centre.unread.clear()
        ended(world, caller, centre)

    def test_its_try_is_in_the_trace(self, world: World) -> None:
        caller, centre = connected(world)
        forged(world, world.pbx2, request_of(centre, "BYE"))
        call = world.call_of(caller)
        assert notes(world, caller) is not None
        tries = [event for event in world.traces[call.talk.call_id] if str(world.pbx2.address) in event.peer]
        assert [(event.direction, event.text[:3]) for event in tries] == [("in", "BYE"), ("out", "481")]
        ended(world, caller, centre)
