"""calls/logins/reception.py: who gets in, what the others are told, and what operators see of it. Time is virtual."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.calls.desks import Desks
from splitter.calls.logins import limits
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.reception import Reception
from splitter.calls.peers.messages import Refusal
from splitter.calls.settings import Peer, Role, Trunk
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.authorizer import Authorizer
from splitter.sip.digest import Challenge, Credentials, secret_of
from splitter.sip.events import RequestArrived
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.telemetry import metrics
from tests.counted import value
from tests.world.loop import VirtualClock, VirtualLoop

FLOW = Flow("access", "udp", Address("192.0.2.1", 5060), Address("198.51.100.7", 40000))
OPEN = Trunk("open", Role.SEAT, "access", (Peer(ip_network("198.51.100.0/24")),))
GUARDED = replace(OPEN, name="guarded", authenticate=True, realm="seats.example")
HASHED = Account("8002", ha1={name: secret_of(name, "8002", "seats.example", "blue") for name in GUARDED.algorithms})
ACCOUNTS = (Account("8001", "red", extension="501"), HASHED)


@dataclass
class Told:
    """What the reception tells of flows."""

    abuses: list[tuple[Flow, str]] = field(default_factory=list)
    held: dict[Hashable, Flow] = field(default_factory=dict)

    def on_abuse(self, flow: Flow, reason: str) -> None:
        self.abuses.append((flow, reason))

    def hold(self, owner: Hashable, flow: Flow) -> None:
        self.held[owner] = flow

    def release(self, owner: Hashable) -> None:
        del self.held[owner]


class Desk:
    """A reception, virtual time, and seats that come to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.told = Told()
        ids = IdSource(random.Random(1))
        clock = VirtualClock(loop)
        self.desks = Desks()
        self.reception = Reception(
            (OPEN, GUARDED), ACCOUNTS, RegistrarSettings(), "splitter", clock, ids, self.told, self.desks
        )
        self.cseq = 0

    def request(self, method: str = "REGISTER", user: str = "8001", **headers: str) -> Request:
        self.cseq += 10
        lines = {
            "Via": "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
            "From": f"<sip:{user}@seats.example>;tag=1",
            "To": f"<sip:{user}@seats.example>" if method == "REGISTER" else "<sip:4711@seats.example>",
            "Call-ID": "a@b",
            "CSeq": f"{self.cseq} {method}",
            "Contact": "<sip:seat@10.0.0.9>",
        }
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        return Request(method, "sip:4711@seats.example", Headers(lines.items()))

    def admit(self, request: Request, trunk: Trunk = GUARDED, flow: Flow = FLOW) -> str:
        return self.reception.admit(trunk, RequestArrived("txn", request, flow))

    def register(self, request: Request, trunk: Trunk = GUARDED, flow: Flow = FLOW) -> tuple[tuple[str, str], ...]:
        return self.reception.register(trunk, RequestArrived("txn", request, flow))

    def refused(self, request: Request, trunk: Trunk = GUARDED) -> PeerError:
        with pytest.raises(PeerError) as caught:
            self.admit(request, trunk)
        return caught.value

    def logged_in(self, request: Request, user: str = "8001", password: str = "red") -> Request:
        """The request that answers the challenge."""
        error = self.refused(request)
        assert isinstance(error, Refusal) and error.status == 401
        client = Authorizer(Credentials(user, password), lambda: "cnonce")
        return client.answer(request, request.respond(401, headers=error.headers))


@pytest.fixture
def desk() -> Iterator[Desk]:
    loop = VirtualLoop()
    loop.enter()
    desk = Desk(loop)
    yield desk
    desk.reception.stop()
    assert not loop.timers(), "a timer was left"
    loop.leave()


def outcomes() -> dict[str, float]:
    samples = next(iter(metrics.sip.AUTHENTICATIONS.collect())).samples
    return {sample.labels["outcome"]: sample.value for sample in samples if sample.name.endswith("_total")}


def gained(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in outcomes().items() if value > before.get(name, 0)}


class TestPresence:
    """A registered seat is a client of its desk."""

    def test_while_it_is_registered(self, desk: Desk) -> None:
        desk.register(desk.logged_in(desk.request()))
        [client] = desk.desks.view("501").clients
        assert (client.kind, client.client) == ("sip", "sip:seat@10.0.0.9")
        desk.register(desk.logged_in(desk.request()))
        assert len(desk.desks.view("501").clients) == 1
        desk.register(desk.logged_in(desk.request(Expires="0")))
        assert not desk.desks.online("501")

    def test_until_its_registration_ends(self, desk: Desk) -> None:
        desk.register(desk.logged_in(desk.request(Expires="60")))
        desk.loop.run_until(lambda: False, 59.0)
        assert desk.desks.online("501")
        desk.loop.run_until(lambda: False, 2.0)
        assert not desk.desks.online("501")

    def test_without_an_account_its_name_is_its_extension(self, desk: Desk) -> None:
        desk.register(desk.request(user="8009"), OPEN)
        assert desk.desks.online("8009")

    def test_who_is_refused_is_not_there(self, desk: Desk) -> None:
        with pytest.raises(PeerError):
            desk.register(desk.request())
        assert desk.desks.views() == []


class TestLoggingIn:
    def test_an_invite_and_a_register(self, desk: Desk) -> None:
        before = outcomes()
        assert desk.admit(desk.logged_in(desk.request("INVITE"))) == "8001"
        desk.register(desk.logged_in(desk.request()))
        assert gained(before) == {"missing": 2, "granted": 2}
        assert desk.told.abuses == []

    def test_by_a_hash_instead_of_a_password(self, desk: Desk) -> None:
        assert desk.admit(desk.logged_in(desk.request("INVITE", user="8002"), "8002", "blue")) == "8002"

    def test_is_offered_the_strongest_first(self, desk: Desk) -> None:
        error = desk.refused(desk.request())
        challenges = [Challenge.parse(value) for _, value in getattr(error, "headers", ())]
        assert [challenge.algorithm for challenge in challenges] == ["SHA-256", "SHA-512-256", "MD5"]
        assert {(challenge.realm, challenge.stale) for challenge in challenges} == {("seats.example", False)}

    def test_is_not_asked_for_on_a_trunk_that_trusts_its_addresses(self, desk: Desk) -> None:
        assert desk.admit(desk.request("INVITE"), OPEN) == ""
        desk.register(desk.request(), OPEN)

    @pytest.mark.parametrize("name", ["8001", "501"])
    def test_may_be_as_user_or_extension(self, desk: Desk, name: str) -> None:
        assert desk.admit(desk.logged_in(desk.request("INVITE", user=name))) == "8001"

    def test_as_somebody_else_gets_403(self, desk: Desk) -> None:
        before = outcomes()
        for method in ("INVITE", "REGISTER"):
            assert desk.refused(desk.logged_in(desk.request(method, user="8002"))).status == 403
        assert gained(before)["other-name"] == 2


class TestFailing:
    @pytest.mark.parametrize(
        ("user", "password", "why"), [("8001", "x", "wrong-password"), ("9", "red", "unknown-user")]
    )
    def test_says_nothing_about_what_was_wrong(self, desk: Desk, user: str, password: str, why: str) -> None:
        before = outcomes()
        error = desk.refused(desk.logged_in(desk.request(), user, password))
        assert (error.status, error.reason) == (401, "")
        assert all(not Challenge.parse(value).stale for _, value in getattr(error, "headers", ()))
        assert gained(before)[why] == 1
        assert desk.told.abuses == [(FLOW, "authentication")]

    def test_by_a_replay_counts_as_abuse_but_a_client_that_knows_the_password_may_come_again(self, desk: Desk) -> None:
        request = desk.logged_in(desk.request("INVITE"))
        desk.admit(request)
        error = desk.refused(request)
        assert all(Challenge.parse(value).stale for _, value in getattr(error, "headers", ()))
        assert desk.told.abuses == [(FLOW, "authentication")]

    def test_by_an_old_nonce_is_no_abuse(self, desk: Desk) -> None:
        request = desk.logged_in(desk.request("INVITE"))
        desk.loop.run_until(lambda: False, 301)
        error = desk.refused(request)
        assert all(Challenge.parse(value).stale for _, value in getattr(error, "headers", ()))
        assert desk.told.abuses == []

    def test_by_a_header_that_cannot_be_read_gets_400(self, desk: Desk) -> None:
        assert desk.refused(desk.request(Authorization="Digest username=")).status == 400
        assert desk.told.abuses == [(FLOW, "authentication")]

    def test_is_logged_without_flooding_the_log_and_without_the_digest(self, desk: Desk) -> None:
        with capture_logs() as logs:
            for _ in range(50):
                desk.refused(desk.logged_in(desk.request(), password="hunter2"))
        failed = [line for line in logs if line["event"] == "login failed"]
        assert len(failed) == 1
        assert (failed[0]["reason"], failed[0]["detail"]) == ("wrong-password", "8001")
        assert "response" not in repr(logs) and "hunter2" not in repr(logs)
        assert len(desk.told.abuses) == 50

    def test_registers_nobody(self, desk: Desk) -> None:
        with pytest.raises(PeerError):
            desk.register(desk.request())
        assert desk.reception.seats() == []


class TestWhoIsRegistered:
    def test_is_shown(self, desk: Desk) -> None:
        desk.loop.run_until(lambda: False, 100)
        desk.register(desk.logged_in(desk.request(Expires="600", User_Agent="phone/1")))
        desk.loop.run_until(lambda: False, 60)
        (seat,) = desk.reception.seats()
        clock = VirtualClock(desk.loop)
        assert (seat.user, seat.extension, seat.trunk) == ("8001", "501", "guarded")
        assert (seat.contact, seat.peer, seat.user_agent) == ("sip:seat@10.0.0.9", str(FLOW), "phone/1")
        assert (clock.wall() - seat.registered_at, seat.expires_at - clock.wall()) == (60, 540)

    def test_is_reached_over_the_flow_that_the_register_came_on(self, desk: Desk) -> None:
        desk.register(desk.logged_in(desk.request()))
        (binding,) = desk.reception.bindings("guarded", "8001")
        assert binding.flow == FLOW
        assert desk.told.held == {binding.id: FLOW}

    def test_goes_at_the_end_of_its_time(self, desk: Desk) -> None:
        desk.register(desk.request(Expires="600"), OPEN)
        desk.register(desk.request(Expires="60", user="9"), OPEN)
        assert value(metrics.sip.SEATS_REGISTERED) == 2
        with capture_logs() as logs:
            desk.loop.run_until(lambda: False, 61)
            assert [seat.user for seat in desk.reception.seats()] == ["8001"]
            desk.loop.run_until(lambda: False, 540)
        assert [line["event"] for line in logs] == ["seat expired", "seat expired"]
        assert (value(metrics.sip.SEATS_REGISTERED), desk.told.held) == (0, {})

    def test_goes_when_it_says_so(self, desk: Desk) -> None:
        desk.register(desk.logged_in(desk.request()))
        desk.register(desk.logged_in(desk.request(Contact="*", Expires="0")))
        assert (desk.reception.seats(), desk.told.held) == ([], {})

    def test_elsewhere_than_at_seats_cannot_be(self, desk: Desk) -> None:
        access = replace(OPEN, role=Role.ACCESS)
        with pytest.raises(PeerError) as caught:
            desk.register(desk.request(), access)
        assert caught.value.status == 403


def test_accounts_and_trunks_do_not_show_their_secrets() -> None:
    shown: Any = (ACCOUNTS, replace(GUARDED, username="me", password="hunter2"))
    assert "red" not in repr(shown).replace("registered", "") and "hunter2" not in repr(shown)
    assert HASHED.ha1["MD5"] not in repr(shown)


class TestGuessing:
    """Without any setting: bans are for sources that may be banned, and trunks name those that may not."""

    def guess(self, desk: Desk, password: str, flow: Flow = FLOW, user: str = "8001") -> int:
        request = desk.request(user=user)
        with pytest.raises(PeerError) as caught:
            desk.admit(request, flow=flow)
        assert isinstance(caught.value, Refusal)
        client = Authorizer(Credentials(user, password), lambda: "cnonce")
        answered = client.answer(request, request.respond(401, headers=caught.value.headers))
        try:
            desk.admit(answered, flow=flow)
        except PeerError as error:
            return error.status
        return 200

    def test_a_password_soon_has_to_wait_whether_it_is_right_or_wrong(self, desk: Desk) -> None:
        assert [self.guess(desk, "wrong") for _ in range(limits.USER_FAILURES)] == [401] * limits.USER_FAILURES
        assert self.guess(desk, "wrong") == 503 and self.guess(desk, "red") == 503

    def test_says_how_long(self, desk: Desk) -> None:
        for _ in range(limits.USER_FAILURES):
            self.guess(desk, "wrong")
        request = desk.request()
        first = desk.refused(request)
        assert isinstance(first, Refusal) and first.status == 401, "who shows no password is asked for it"
        client = Authorizer(Credentials("8001", "wrong"), lambda: "cnonce")
        error = desk.refused(client.answer(request, request.respond(401, headers=first.headers)))
        assert isinstance(error, Refusal) and dict(error.headers)["Retry-After"] == "60"

    def test_is_over_after_a_while(self, desk: Desk) -> None:
        for _ in range(limits.USER_FAILURES):
            self.guess(desk, "wrong")
        desk.loop.run_until(lambda: False, limits.USER_FADE_S)
        assert self.guess(desk, "red") == 200

    def test_does_not_keep_out_the_seat_itself(self, desk: Desk) -> None:
        other = FLOW._replace(remote=Address("198.51.100.99", 40000))
        for _ in range(3 * limits.USER_FAILURES):
            self.guess(desk, "wrong", other)
        assert self.guess(desk, "red") == 200

    def test_is_still_an_abuse(self, desk: Desk) -> None:
        for _ in range(2 * limits.USER_FAILURES):
            self.guess(desk, "wrong")
        assert len(desk.told.abuses) == 2 * limits.USER_FAILURES


class TestAnotherConfiguration:
    def registered(self, desk: Desk) -> list[str]:
        return sorted(f"{seat.trunk} {seat.user}" for seat in desk.reception.seats())

    @pytest.fixture
    def full(self, desk: Desk) -> Desk:
        """8001 and 8002 have logged in, and 8001 is at the open trunk too."""
        for user, password in (("8001", "red"), ("8002", "blue")):
            desk.register(desk.logged_in(desk.request(user=user), user, password))
        desk.register(desk.request(), trunk=OPEN)
        assert self.registered(desk) == ["guarded 8001", "guarded 8002", "open 8001"]
        return desk

    def adopt(self, desk: Desk, *accounts: Account, trunks: tuple[Trunk, ...] = (OPEN, GUARDED), **bounds: int) -> None:
        desk.reception.adopt(trunks, accounts, replace(RegistrarSettings(), **bounds))

    def test_changes_nothing_for_those_who_could_log_in_again(self, full: Desk) -> None:
        self.adopt(full, Account("8003", "green"), *ACCOUNTS)
        assert self.registered(full) == ["guarded 8001", "guarded 8002", "open 8001"]
        assert len(full.told.held) == 3

    def test_a_seat_without_its_account_is_signed_off_where_it_had_to_log_in(self, full: Desk) -> None:
        self.adopt(full, HASHED)
        assert self.registered(full) == ["guarded 8002", "open 8001"]
        assert len(full.told.held) == 2 and not full.desks.online("501")
        assert full.refused(full.request()).status == 401

    def test_another_password_ends_the_logins_of_the_old_one(self, full: Desk) -> None:
        self.adopt(full, Account("8001", "another", extension="501"), HASHED)
        assert self.registered(full) == ["guarded 8002", "open 8001"]
        full.register(full.logged_in(full.request(), password="another"))
        assert "guarded 8001" in self.registered(full)

    def test_a_new_trunk_that_asks_and_one_that_is_gone(self, full: Desk) -> None:
        strict = replace(OPEN, authenticate=True)
        self.adopt(full, *ACCOUNTS, trunks=(strict,))
        assert self.registered(full) == [], "one is gone, and at the other nobody has proved anything"

    def test_another_extension_is_another_desk(self, full: Desk) -> None:
        self.adopt(full, Account("8001", "red", extension="502"), HASHED)
        assert full.desks.online("502") and not full.desks.online("501")

    def test_bounds_are_for_the_next_one(self, full: Desk) -> None:
        self.adopt(full, *ACCOUNTS, min_expires_s=600)
        with pytest.raises(Refusal) as caught:
            full.register(full.request(Expires="300"), trunk=OPEN)
        assert caught.value.status == 423
