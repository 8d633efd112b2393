"""The way in: who may, what is answered to anything but an INVITE, limits and draining."""

from __future__ import annotations

import asyncio

import pytest

from splitter.calls.settings import CallSettings
from splitter.core.net import Address
from splitter.sip.message import Response
from splitter.sip.parse import parse_message
from tests.calls.kit import connected, ended, ringing
from tests.world import World

STRANGER = Address("198.51.100.9", 5060)


def raw(method: str, *lines: str, call_id: str = "raw", body: bytes = b"", to: str = "<sip:110@gateway>") -> bytes:
    head = [
        f"{method} sip:110@10.1.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bK{call_id}",
        "From: <sip:1@h>;tag=1",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *lines,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def answers(world: World, data: bytes, source: Address | None = None) -> list[Response]:
    """What the gateway answers to a datagram, 100 left out."""
    world.wire._arrive(source or world.sbc.address, world.sbc.gateway.remote, data)
    world.run(1)
    found = [parse_message(sent.data) for sent in world.wire.sent["raw"]]
    return [message for message in found if isinstance(message, Response) and message.status > 100]


class TestMethods:
    def test_options(self) -> None:
        with World() as world:
            (response,) = answers(world, raw("OPTIONS"))
            assert response.status == 200 and "INVITE" in (response.headers.get("allow") or "")
            assert response.headers.get("accept") == "application/sdp"
            world.settle()

    @pytest.mark.parametrize(
        ("method", "status"),
        [("MESSAGE", 405), ("REFER", 405), ("BYE", 481), ("UPDATE", 481), ("INFO", 481), ("WINK", 501)],
    )
    def test_others_outside_a_dialog(self, method: str, status: int) -> None:
        with World() as world:
            (response,) = answers(world, raw(method))
            assert response.status == status
            assert status == 481 or "INVITE" in (response.headers.get("allow") or "")
            world.settle()

    def test_in_a_dialog(self) -> None:
        with World() as world:
            caller, centre = connected(world)
            caller.request("OPTIONS")
            caller.expect("200 OPTIONS")
            caller.request("REFER", [("Refer-To", "<sip:2@h>")])
            caller.expect("405 REFER")
            caller.request("INFO", [("Require", "quantum-leap")])
            caller.expect("420 INFO")
            ended(world, caller, centre)


class TestInvites:
    def test_of_strangers_get_silence(self) -> None:
        with World() as world:
            assert answers(world, raw("INVITE"), STRANGER) == []
            assert len(world.calls) == 0
            world.settle()

    def test_from_the_centre_are_not_routed(self) -> None:
        with World() as world:
            world.pbx.invite("110").expect("403")
            world.settle()

    def test_that_can_make_no_dialog_leave_nothing(self) -> None:
        with World() as world:
            for _ in range(2):
                found = answers(world, raw("INVITE", call_id="raw"))
                assert found[0].status == 400
            world.settle()

    def test_whose_sdp_is_none(self) -> None:
        with World() as world:
            lines = ("Contact: <sip:1@10.1.0.5>", "Content-Type: application/sdp")
            (response, *_) = answers(world, raw("INVITE", *lines, body=b"v=?\r\n"))
            assert response.status == 400 and response.headers.get("warning")
            world.settle()

    def test_past_the_limit(self) -> None:
        with World(settings=CallSettings(max_calls=1)) as world:
            caller, centre = connected(world)
            refusal = world.sbc.invite().expect("503").message
            assert refusal is not None and refusal.headers.get("retry-after")
            ended(world, caller, centre)


class TestDrain:
    def test_takes_no_more_calls_and_says_so(self) -> None:
        with World() as world:
            caller, centre = connected(world)
            draining = world.loop.create_task(world.calls.drain(60))
            world.run(0.1)
            world.sbc.invite().expect("503")
            (response,) = answers(world, raw("OPTIONS"))
            assert response.status == 503
            assert not draining.done()
            ended(world, caller, centre)
            world.run(0.1)
            assert draining.done()

    def test_hangs_up_what_does_not_end(self) -> None:
        with World() as world:
            caller, _ = connected(world)
            other, ringing_centre = ringing(world)
            draining = world.loop.create_task(world.calls.drain(5))
            world.run(10)
            assert draining.done() and asyncio.isfuture(draining)
            assert caller.state == other.state == ringing_centre.state == "ended"
            world.settle()


class TestMany:
    def test_a_hundred_calls_leave_nothing(self) -> None:
        with World() as world:
            callers = [world.sbc.invite() for _ in range(100)]
            world.run(0.5)
            codes = {view.short_code for view in world.calls.list()}
            assert len(codes) == 100 and codes == world.calls._short_codes
            centres = list(world.pbx.calls.values())
            for number, centre in enumerate(centres):
                if number % 3:
                    centre.answer()
                else:
                    centre.refuse(486)
            world.run(0.5)
            for caller in callers:
                caller.bye()
            world.settle()
            assert {caller.state for caller in callers} == {"ended"}
