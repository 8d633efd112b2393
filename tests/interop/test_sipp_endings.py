"""SIPp on both sides: how calls end before and after the answer, and what a failing centre makes of them."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.interop.gateway import Gateway
from tests.interop.scene import Scene, until
from tests.interop.sipp import TOLD, Sipp, ports_of, sdp_file
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.interop


HASTY = """\
{method} sip:12345@{gateway} SIP/2.0
Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK-hasty
From: <sip:+99900000001@{host}>;tag=hasty
To: <sip:12345@{gateway}>
Call-ID: hasty@{host}
CSeq: 1 {method}
Max-Forwards: 70
Contact: <sip:{host}:5060>
Content-Type: application/sdp
Content-Length: {length}

{body}"""


def length(body: str) -> int:
    """Of a body whose lines will end with CR LF."""
    return len(body.replace("\n", "\r\n"))


def finish(*parties: Sipp) -> None:
    """All were content."""
    for party in parties:
        party.finish()


class TestBye:
    def test_of_the_caller_reaches_the_centre(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-hangs-up")
        finish(caller, centre)
        bye = centre.received("BYE")
        assert "cause=16" in bye.get("reason"), "Reason is relayed"

    def test_of_the_centre_reaches_the_caller(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-hangs-up")
        caller = scene.caller("caller-waits")
        finish(caller, centre)
        assert caller.received("BYE").get("user-to-user") == "99aabb;encoding=hex", "UUI is relayed in BYE too"

    def test_is_seen_in_the_record(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-hangs-up")
        finish(caller, centre)
        gateway.must_be_idle()
        [call] = gateway.calls(ended=True)
        assert (call["state"], call["end_status"], call["route"]) == ("ended", 200, "pbx")
        assert call["call_id"] == centre.received("INVITE").get("x-splitter-call")
        ladder = gateway.cli("trace", call["call_id"])
        for word in ("INVITE", "180", "200", "ACK", "BYE", "caller", "centre"):
            assert word in ladder, f"{word} is not in the trace:\n{ladder}"


class TestRetransmissions:
    """RFC 3261 §17: packets are lost on both sides, in both directions; every call comes and goes all the same."""

    def test_over_a_bad_network(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        gateway = make_gateway()
        # SIPp takes a request that is repeated after its call for a new call: it must not leave before the last real one.
        scene.centre("lossy-centre", calls=100, limit_s=200, options=["-lost", "10"])
        caller = scene.caller(
            "caller-hangs-up", calls=10, limit_s=200, held_ms=4000, options=["-lost", "10", "-r", "5"]
        )
        caller.wait()
        calls = gateway.calls(ended=True)
        lost = [call["call_id"] for call in calls if call["end_status"] != 200]
        assert not lost, "\n".join(gateway.cli("trace", call_id) for call_id in lost)
        caller.finish()
        gateway.must_be_idle()
        calls = gateway.calls(ended=True)
        assert len(calls) == 10, "a retransmitted INVITE never makes a second call"


class TestCancel:
    """RFC 3261 §9, at each stage."""

    def test_in_the_same_breath_as_the_invite(self, gateway: Gateway, scene: Scene) -> None:
        """CANCEL is on the wire before any response could be: no legal client does it, hasty ones do."""
        centre = scene.centre("centre-is-given-up", ring_ms=300)
        host, invite = scene.desk.caller, ports_of(sdp_file("transcoded")).replace("{{host}}", scene.desk.caller)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 5060))
            sock.settimeout(PATIENCE_S)
            for method, body in (("INVITE", invite + "\n"), ("CANCEL", "")):
                text = HASTY.format(method=method, host=host, gateway=scene.desk.access, body=body, length=length(body))
                sock.sendto(text.replace("\n", "\r\n").encode(), (scene.desk.access, 5060))
            said: list[str] = []
            while "487 INVITE" not in said:
                answer = sock.recv(65536).decode()
                said.append(f"{answer.split()[1]} {answer.partition('CSeq: 1 ')[2].split()[0]}")
            ack = HASTY.format(method="ACK", host=host, gateway=scene.desk.access, body="", length=0)
            tag = answer.partition("To: ")[2].splitlines()[0]
            ack = ack.replace(f"To: <sip:12345@{scene.desk.access}>", f"To: {tag}")
            sock.sendto(ack.replace("\n", "\r\n").encode(), (scene.desk.access, 5060))
        assert "200 CANCEL" in said and "200 INVITE" not in said
        if centre.messages():
            centre.finish()

    def test_before_the_centre_has_said_anything(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-is-given-up", ring_ms=TOLD)
        caller = scene.caller("caller-cancels-unheard", held_ms=TOLD)
        until(centre, "INVITE")
        caller.go_on(until(caller, "INVITE", 100))
        until(caller, "CANCEL", 200)
        centre.go_on(until(centre, "INVITE"))
        finish(caller, centre)
        order = [(m.method, m.status) for m in centre.messages()]
        assert order.index(("CANCEL", 0)) > order.index(("INVITE", 180)), "no CANCEL before a provisional (§9.1)"

    def test_while_it_rings(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-is-given-up", ring_ms=50)
        caller = scene.caller("caller-cancels-after-180")
        finish(caller, centre)
        assert "gave up" in centre.received("CANCEL").get("reason")

    def test_in_early_media(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-is-given-up-early")
        caller = scene.caller("caller-cancels-after-183")
        finish(caller, centre)

    def test_crossing_the_centres_200(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers-anyway")
        caller = scene.caller("caller-cancels-after-180")
        finish(caller, centre)
        order = [(m.method, m.status) for m in centre.messages() if not m.sent]
        assert order.index(("ACK", 0)) < order.index(("BYE", 0)), "a 2xx that nobody wants gets ACK, then BYE"

    def test_crossing_our_200(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-cancels-too-late")
        finish(caller, centre)


class TestCentreRefuses:
    @pytest.mark.parametrize(("status", "reason"), [("486", "Busy Here"), ("603", "Decline")])
    def test_busy_is_the_callers_answer(self, gateway: Gateway, scene: Scene, status: str, reason: str) -> None:
        centre = scene.centre("centre-refuses", status=status, reason=reason)
        caller = scene.caller("caller-refused", status=status)
        finish(caller, centre)

    def test_busy_is_no_reason_to_try_the_next_route(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-refuses", status="486", called="110")
        second = scene.centre("centre-answers", name="second", host=scene.desk.second_centre)
        caller = scene.caller("caller-refused", status="486", called="110")
        finish(caller, centre)
        assert not second.messages()

    def test_no_answer_ends_at_the_ring_limit(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        make_gateway(ring_limit_s=1)
        centre = scene.centre("centre-is-given-up", ring_ms=0)
        caller = scene.caller("caller-refused", status="480")
        finish(caller, centre)


class TestCentreDown:
    """The next route, then 480; a 503 of the centre is never relayed (the SBC would black-list us)."""

    @pytest.mark.parametrize(("status", "reason"), [("503", "Service Unavailable"), ("500", "Server Error")])
    def test_the_next_route_takes_the_call(self, gateway: Gateway, scene: Scene, status: str, reason: str) -> None:
        centre = scene.centre("centre-refuses", status=status, reason=reason, called="110")
        second = scene.centre("centre-answers", name="second", host=scene.desk.second_centre)
        caller = scene.caller("caller-hangs-up", called="110")
        finish(caller, centre, second)
        gateway.must_be_idle()
        assert gateway.calls(ended=True)[0]["route"] == "pbx2"

    def test_a_503_of_the_last_route_becomes_another_status(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-refuses", status="503", reason="Service Unavailable")
        caller = scene.caller("caller-refused", status="480")
        finish(caller, centre)
        assert not caller.received("INVITE", 480).get("retry-after")

    def test_silence_leads_to_the_next_route(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        make_gateway(answer_limit_s=1)
        scene.centre("centre-is-silent", held_ms=3000)
        second = scene.centre("centre-answers", name="second", host=scene.desk.second_centre)
        caller = scene.caller("caller-hangs-up", called="110")
        finish(caller, second)

    def test_nobody_is_there(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        make_gateway(answer_limit_s=1, second_answer_limit_s=1)
        caller = scene.caller("caller-refused", status="480", called="110")
        finish(caller)

    def test_a_caller_may_give_up_while_the_centre_is_silent(
        self, make_gateway: Callable[..., Gateway], scene: Scene
    ) -> None:
        make_gateway(answer_limit_s=3)
        scene.centre("centre-is-silent", held_ms=3000)
        caller = scene.caller("caller-cancels-at-once")
        finish(caller)


class TestOperatorHangsUp:
    def test_both_sides_get_bye(self, gateway: Gateway, scene: Scene) -> None:
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-waits")
        until(centre, "ACK")
        [call] = gateway.calls()
        gateway.cli("hangup", call["call_id"])
        finish(caller, centre)
