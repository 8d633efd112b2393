"""Logins with SIPp at the other end: as a seat that registers and joins, as a registrar, as a centre that asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.addresses import Desk
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene, hang_up, until
from tests.interop.sipp import TOLD, Seen, Sipp
from tests.interop.test_sipp_bad_input import Sender

pytestmark = pytest.mark.interop

SEATS = {
    # SIPp reads one challenge alone, and knows MD5
    "desks_login": 'authenticate = true\nalgorithms = ["MD5"]\nrealm = "seats.example.org"',
    "accounts": '[[account]]\nuser = "8001"\npassword = "red"\nextension = "501"\n',
}
OURS = 'username = "gateway"\npassword = "hunter2"\n'
MakeGateway = Callable[..., Gateway]

REGISTER = """\
REGISTER sip:{gateway} SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-overheard
From: <sip:8001@{gateway}>;tag=thief
To: <sip:8001@{gateway}>
Call-ID: overheard
CSeq: 99 REGISTER
Max-Forwards: 70
Contact: <sip:8001@{host}:6666>
Authorization: {proof}
Content-Length: 0

"""


def seat(scene: Scene, scenario: str, password: str = "red", user: str = "8001", **more: Any) -> Sipp:
    values = {"expires": "600", "status": "200", **more}
    return scene.caller(
        scenario, "video-alone", name="seat", host=scene.desk.seat, port=5062, user=user, password=password, **values
    )


class TestSeats:
    def test_log_in_and_register(self, make_gateway: MakeGateway, scene: Scene) -> None:
        gateway = make_gateway(**SEATS)
        seat(scene, "seat-registers").finish()
        [found] = gateway.get("/v1/desks")["registrations"]
        assert (found["user"], found["extension"], found["trunk"]) == ("8001", "501", "desks")
        assert found["contact"] == f"sip:8001@{scene.desk.seat}:5062"
        assert f"{scene.desk.seat}:5062" in gateway.cli("seats")
        assert gateway.metric("splitter_seats_registered") == 1

    def test_register_and_take_it_back(self, make_gateway: MakeGateway, scene: Scene) -> None:
        gateway = make_gateway(**SEATS)
        seat(scene, "seat-registers").finish()
        scene.caller(
            "seat-registers", "video-alone", name="again", host=scene.desk.seat, port=5062, user="8001",
            password="red", expires="0", status="200",
        ).finish()  # fmt: skip
        assert gateway.get("/v1/desks")["registrations"] == []

    @pytest.mark.parametrize("who", [{"password": "blue"}, {"user": "4711"}])
    def test_that_do_not_know_the_password_stay_outside(
        self, make_gateway: MakeGateway, scene: Scene, who: dict[str, str]
    ) -> None:
        gateway = make_gateway(**SEATS)
        refused = seat(scene, "seat-registers", status="401", **who)
        refused.finish()
        assert "stale" not in refused.all_received("REGISTER", 401)[-1].get("www-authenticate")
        assert gateway.get("/v1/desks")["registrations"] == []
        eventually(lambda: "login failed" in gateway.log, "the log tells of it")
        assert "blue" not in gateway.log

    def test_log_in_and_join_a_call(self, make_gateway: MakeGateway, scene: Scene) -> None:
        gateway = make_gateway(**SEATS)
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-hangs-up", held_ms=TOLD)
        until(caller, "INVITE", 200)
        [call] = gateway.calls()
        joining = seat(scene, "seat-joins", called=call["call_id"], held_ms=TOLD)
        until(joining, "INVITE", 200)
        eventually(lambda: any(leg["name"] == "seat-1" for leg in gateway.calls()[0]["legs"]), "the seat is there", 3)
        joining.go_on(until(joining, "ACK", sent=True, times=2))
        joining.finish()
        hang_up(caller)
        centre.finish()

    def test_that_want_to_join_without_logging_in_are_asked(self, make_gateway: MakeGateway, scene: Scene) -> None:
        make_gateway(**SEATS)
        stranger = scene.caller("caller-refused", "video-alone", host=scene.desk.seat, status="401")
        stranger.finish()
        assert 'realm="seats.example.org"' in stranger.received("INVITE", 401).get("www-authenticate")

    def test_a_login_that_somebody_overheard_is_worth_nothing(self, make_gateway: MakeGateway, scene: Scene) -> None:
        gateway = make_gateway(**SEATS)
        honest = seat(scene, "seat-registers")
        honest.finish()
        proof = honest.messages()[-2].get("authorization")
        assert proof.startswith("Digest")
        with Sender(scene.desk.seat, scene.desk.access) as thief:
            answer = thief.ask(REGISTER.replace("{proof}", proof))
        assert answer.startswith("SIP/2.0 401") and "stale=true" in answer
        assert gateway.metric("splitter_authentications_total") == 3  # missing, granted, replayed
        eventually(lambda: "replayed" in gateway.log, "the log tells of it")
        [found] = gateway.get("/v1/desks")["registrations"]
        assert found["contact"].endswith(":5062"), "it is where it was"


class TestOurRegistration:
    def test_is_made_and_taken_back(self, desk: Desk, scene: Scene) -> None:
        centre = scene.centre("centre-registers-us", granted="600")
        with Gateway(desk, {"pbx_login": OURS + "register = true"}) as gateway:
            eventually(lambda: gateway.metric("splitter_registered") == 1, "we are registered", 5, centre.complaint)
            assert "hunter2" not in gateway.log
        centre.finish()
        bare, proved, last = (
            message for message in centre.messages() if message.method == "REGISTER" and not message.sent
        )
        assert "expires" in bare.get("contact") or bare.get("expires") == "3600"
        assert (proved.get("call-id"), number(proved)) == (bare.get("call-id"), number(bare) + 1)
        assert 'username="gateway"' in proved.get("authorization") and "nc=00000001" in proved.get("authorization")
        assert last.get("expires") == "0" and "nc=00000002" in last.get("authorization")

    def test_with_a_wrong_password_is_told(self, desk: Desk, scene: Scene) -> None:
        centre = scene.centre("centre-registers-us", granted="600")
        with Gateway(desk, {"pbx_login": OURS.replace("hunter2", "wrong") + "register = true"}) as gateway:
            eventually(lambda: "403" in gateway.log, "the failure is in the log", 5, lambda: gateway.log)
            assert gateway.metric("splitter_registered") == 0
            assert gateway.metric("splitter_registration_failures_total") == 1
        centre.stop()


class TestCallsToACentreThatAsks:
    def test_go_through(self, make_gateway: MakeGateway, scene: Scene) -> None:
        make_gateway(pbx_login=OURS)
        centre = scene.centre("centre-asks-who-we-are")
        caller = scene.caller("caller-hangs-up")
        caller.finish()
        centre.finish()
        ack = [message for message in centre.messages() if message.method == "ACK"][-1]
        assert number(ack) == number(centre.all_received("INVITE")[-1])

    def test_without_a_password_end_in_480(self, make_gateway: MakeGateway, scene: Scene) -> None:
        make_gateway()
        centre = scene.centre("centre-refuses", status="407", reason="Proxy Authentication Required")
        caller = scene.caller("caller-refused", status="480")
        caller.finish()
        centre.stop()


def number(message: Seen) -> int:
    return int(message.get("cseq").split()[0])
