"""calls/logins/registration.py in virtual time, against a registrar that is made of the gateway's own server parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.calls.logins.accounts import RegistrarSettings
from splitter.calls.logins.registrar import Registrar
from splitter.calls.logins.registration import Registration
from splitter.calls.logins.registrations import Registrations
from splitter.calls.settings import Peer, Role, Trunk
from splitter.calls.view import TrunkView
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.counters import PlainCounters
from splitter.sip.authenticator import Authenticator, LoginVerdict
from splitter.sip.digest import proofs_of, secret_of
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from splitter.sip.nonce import Nonces
from splitter.sip.timers import Timers
from splitter.telemetry import metrics
from splitter.transport.driver import Driver
from splitter.transport.settings import ListenPoint, Network, TransportSettings
from splitter.transport.targets import Target
from tests.counted import value
from tests.world.loop import EPOCH, VirtualClock, VirtualLoop
from tests.world.wire import FAIR, Weather, Wire, WireSockets

US, CENTRE = Address("10.2.0.1", 5060), Address("10.2.0.5", 5060)
TRUNK = Trunk(
    "pbx", Role.CENTRE, "core", (Peer(ip_network("10.2.0.5/32")),), CENTRE, register=True, register_expires_s=600,
    username="gateway", password="hunter2",
)  # fmt: skip


class Centre:
    """A registrar that asks for a password.

    Attributes:
        heard: every REGISTER.
        instead: what is answered instead, if it returns something.
        expires_s: what is granted at most.
    """

    def __init__(self, world: Scene) -> None:
        self.world = world
        self.heard: list[Request] = []
        self.instead: Callable[[Request], tuple[int, list[tuple[str, str]]] | None] = lambda request: None
        self.registrar = Registrar(RegistrarSettings(min_expires_s=60, max_expires_s=3600))
        self.restart()
        self.driver = world.driver(CENTRE, self.on_request)

    def restart(self) -> None:
        """Nonces of before are not known any more."""
        secrets = {"gateway": {"SHA-256": secret_of("SHA-256", "gateway", "centre", "hunter2")}}
        nonces = Nonces(random.Random(self.world.loop.time()).randbytes(32), lifetime_s=1e9)
        self.authenticator = Authenticator("centre", secrets, ["SHA-256"], nonces, "decoy")

    def on_request(self, event: RequestArrived) -> None:
        self.heard.append(event.request)
        status, headers = self.instead(event.request) or self.judged(event)
        self.driver.respond(event.txn, event.request.respond(status, to_tag="centre", headers=headers))

    def judged(self, event: RequestArrived) -> tuple[int, list[tuple[str, str]]]:
        now = self.world.loop.time()
        verdict = self.authenticator.judge(event.request, "gateway", now).verdict
        if verdict is not LoginVerdict.GRANTED:
            salt = self.world.rng.getrandbits(64)
            return 401, self.authenticator.challenges("gateway", salt, now, stale=verdict.stale)
        try:
            return 200, list(self.registrar.register("core", event.request, event.flow, now).headers)
        except PeerError as error:
            return error.status, list(getattr(error, "headers", ()))

    @property
    def contacts(self) -> list[str]:
        """Who is registered now."""
        return [binding.contact for binding in self.registrar.all(self.world.loop.time())]


class Scene:
    """The two of them, a wire, and time."""

    def __init__(self, trunk: Trunk = TRUNK, weather: Weather = FAIR, targets: list[Target] | None = None) -> None:
        self.targets = [Target("udp", CENTRE)] if targets is None else targets
        self.loop = VirtualLoop()
        self.rng = random.Random(1)
        self.wire = Wire(self.loop, self.rng, weather)
        self.clock = VirtualClock(self.loop)
        self.centre = Centre(self)
        self.ours = self.driver(US, lambda event: None)
        ids = IdSource(random.Random(2))
        self.registration = Registration(trunk, self.ours, self.clock, ids, "splitter", lambda trunk: self.targets)

    def driver(self, address: Address, on_request: Callable[[RequestArrived], None]) -> Driver:
        networks = {"core": Network("core", (ListenPoint("udp", address),), address.host)}
        endpoint = Endpoint(Timers(), IdSource(random.Random(str(address))), "")
        sockets: Any = partial(WireSockets, self.wire)
        counters = PlainCounters()
        settings = TransportSettings()
        return Driver(endpoint, networks, settings, self.clock, on_request, counters=counters, sockets=sockets)

    def __enter__(self) -> Scene:
        for driver in (self.centre.driver, self.ours):
            self.loop.run_until_complete(driver.start())
        self.loop.enter()
        self.registration.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.stop()
        finally:
            self.loop.leave()
        assert not self.loop.faults
        assert self.registration.status().state == "stopped"

    def pass_time(self, seconds: float) -> None:
        self.loop.run_until(lambda: False, seconds)

    def stop(self) -> None:
        stopping = self.loop.create_task(self.registration.stop())
        assert self.loop.run_until(stopping.done, 60)

    @property
    def state(self) -> tuple[str, str]:
        status = self.registration.status()
        return status.state, status.reason


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        yield scene


class TestRegistering:
    def test_answers_the_challenge(self, scene: Scene) -> None:
        scene.pass_time(1)
        assert scene.state == ("registered", "")
        assert scene.centre.contacts == ["sip:gateway@10.2.0.1:5060"]
        bare, proved = scene.centre.heard
        assert (bare.uri, str(bare.to)) == ("sip:10.2.0.5", "<sip:gateway@10.2.0.5>")
        assert (bare.call_id, bare.from_tag) == (proved.call_id, proved.from_tag)
        assert proved.cseq[0] == bare.cseq[0] + 1
        assert value(metrics.sip.REGISTERED, "pbx") == 1

    def test_names_the_domain_that_it_belongs_to(self) -> None:
        with Scene(replace(TRUNK, domain="pbx.example")) as scene:
            scene.pass_time(1)
            assert scene.centre.heard[0].uri == "sip:pbx.example"
            assert scene.centre.heard[0].from_.uri == "sip:gateway@pbx.example"

    def test_tells_how_it_stands(self, scene: Scene) -> None:
        assert scene.registration.status().state == "registering"
        scene.pass_time(100)
        status = scene.registration.status()
        assert (status.trunk, status.state) == ("pbx", "registered")
        assert status.expires_at == pytest.approx(EPOCH + 600, abs=1)
        assert status.next_at == pytest.approx(EPOCH + 540, abs=1)
        assert status.since == pytest.approx(EPOCH, abs=1)

    def test_stands_beside_the_trunks_that_operators_see(self) -> None:
        views = [TrunkView(name, "centre", "up", "", 1.0, 0, 0, 0.0, "", None, None, ()) for name in ("pbx", "pbx2")]
        with Scene() as scene:
            ids = IdSource(random.Random(3))
            ours = Registrations([TRUNK], scene.ours, scene.clock, ids, "splitter", lambda trunk: [])
            assert [view.registration for view in ours.beside(views)] == ["registering", ""]
            ours.start()
            scene.pass_time(1)
            failed, none = (view.registration for view in ours.beside(views))
            assert failed.startswith("failed: ") and none == ""
            stopping = scene.loop.create_task(ours.stop())
            assert scene.loop.run_until(stopping.done, 60)

    def test_takes_a_longer_time_if_the_registrar_insists(self) -> None:
        with Scene(replace(TRUNK, register_expires_s=30)) as scene:
            scene.pass_time(1)
            assert scene.state == ("registered", "")
            assert [request.headers.get("expires") for request in scene.centre.heard] == ["30", "30", "60"]

    def test_survives_a_bad_network(self) -> None:
        with Scene(weather=Weather(loss=0.3, duplication=0.1, jitter_s=0.2)) as scene:
            for _ in range(40):
                scene.pass_time(100)
            assert scene.state[0] == "registered"
            assert scene.centre.contacts == ["sip:gateway@10.2.0.1:5060"]


class TestRefreshing:
    def test_comes_in_time_and_without_being_asked_again(self, scene: Scene) -> None:
        scene.pass_time(535)
        assert len(scene.centre.heard) == 2
        scene.pass_time(10)
        assert len(scene.centre.heard) == 3
        assert proofs_of(scene.centre.heard[-1])[0].count == 2
        for _ in range(100):
            scene.pass_time(100)
            assert scene.centre.contacts, "it was never out of the registrar"

    def test_answers_a_new_challenge_of_a_registrar_that_restarted(self, scene: Scene) -> None:
        scene.pass_time(100)
        scene.centre.restart()
        scene.pass_time(450)
        assert scene.state == ("registered", "")
        assert len(scene.centre.heard) == 4

    def test_answers_it_even_if_it_is_not_called_stale(self, scene: Scene) -> None:
        scene.pass_time(100)
        secrets = {"gateway": {"SHA-256": secret_of("SHA-256", "gateway", "other", "hunter2")}}
        scene.centre.authenticator = Authenticator("other", secrets, ["SHA-256"], Nonces(b"x" * 32), "decoy")
        scene.pass_time(450)
        assert scene.state == ("registered", "")

    def test_that_fails_is_tried_again_before_the_end(self, scene: Scene) -> None:
        scene.pass_time(500)
        scene.wire.cut.add(CENTRE)
        scene.pass_time(75)  # refresh at 540; 32 s later it has failed
        state, reason = scene.state
        assert (state, reason[:3]) == ("registered", "408"), "it holds still"
        scene.pass_time(30)
        assert scene.state[0] == "failed", "and no longer"
        assert scene.registration.status().expires_at is None
        scene.wire.cut.clear()
        scene.pass_time(400)
        assert scene.state == ("registered", "")


class TestFailing:
    def test_with_a_wrong_password_does_not_hammer(self) -> None:
        with Scene(replace(TRUNK, password="wrong")) as scene:
            scene.pass_time(3000)
            state, reason = scene.state
            assert state == "failed" and 'wrong for realm "centre"' in reason
            assert len(scene.centre.heard) <= 2 * 21, "every 150 to 300 s, two requests each"
            assert value(metrics.sip.REGISTERED, "pbx") == 0

    def test_is_tried_again_later_each_time(self) -> None:
        with Scene() as scene:
            scene.centre.instead = lambda request: (500, [])
            scene.pass_time(3600)
            times = [
                sent.at for sents in scene.wire.sent.values() for sent in sents if isinstance(sent.message, Request)
            ]
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert 2.4 < gaps[0] < 5.1
            assert all(150 <= gap <= 301 for gap in gaps[7:])
            assert len({round(gap, 3) for gap in gaps[7:]}) > 3, "never the same for all"
            scene.centre.instead = lambda request: None
            scene.pass_time(301)
            assert scene.state == ("registered", "")

    def test_waits_as_long_as_it_is_told(self) -> None:
        with Scene() as scene:
            scene.centre.instead = lambda request: (503, [("Retry-After", "120 (back soon);duration=60")])
            scene.pass_time(119)
            assert len(scene.centre.heard) == 1
            scene.pass_time(2)
            assert len(scene.centre.heard) == 2

    @pytest.mark.parametrize(
        ("status", "headers"),
        [
            (401, []),
            (401, [("WWW-Authenticate", "Digest broken")]),
            (407, [("Proxy-Authenticate", 'Digest realm="p", nonce="n", algorithm=AKAv1-MD5')]),
            (423, []),
            (423, [("Min-Expires", "1")]),
            (423, [("Min-Expires", "999999999999")]),
            (200, [("Contact", "<sip:gateway@10.2.0.1:5060>;expires=0")]),
            (302, [("Contact", "<sip:elsewhere>")]),
            (503, [("Retry-After", "-5")]),
            (600, []),
        ],
    )
    def test_of_any_kind_is_a_failure_with_a_reason(self, status: int, headers: list[tuple[str, str]]) -> None:
        with Scene() as scene:
            scene.centre.instead = lambda request: (status, headers)
            scene.pass_time(2)
            assert scene.state[0] == "failed"
            assert scene.state[1].startswith(str(status))
            assert len(scene.centre.heard) <= 3

    def test_is_logged_without_the_password(self) -> None:
        with capture_logs() as logs, Scene(replace(TRUNK, password="hunter3")) as scene:
            scene.pass_time(1000)
        assert "hunter" not in repr(logs)
        failures = [line for line in logs if line["event"] == "registration" and line["state"] == "failed"]
        assert len(failures) == 1, "the same failure again is no news"


class TestServers:
    def test_after_a_failure_the_next_one_is_asked(self) -> None:
        dead = Address("10.2.0.4", 5060)
        with Scene(targets=[Target("udp", dead), Target("udp", CENTRE)]) as scene:
            scene.pass_time(31)
            assert not scene.centre.heard
            scene.pass_time(10)
            assert scene.state == ("registered", "")

    def test_none_is_a_failure_until_there_is_one(self) -> None:
        with Scene(targets=[]) as scene:
            scene.pass_time(1)
            assert "no server" in scene.state[1]
            scene.targets.append(Target("udp", CENTRE))
            scene.pass_time(10)
            assert scene.state == ("registered", "")


class TestWhatItGrants:
    @pytest.mark.parametrize(
        ("headers", "expires_s"),
        [
            ([("Contact", "<sip:gateway@10.2.0.1:5060>;expires=100"), ("Expires", "200")], 100),
            ([("Contact", "<sip:gateway@10.9.9.9:5060>;expires=100"), ("Expires", "200")], 200),
            ([("Contact", "<sip:other@10.2.0.1:5060>;expires=100")], 600),
            ([("Contact", "broken>"), ("Expires", "soon")], 600),
            ([("Contact", "<sip:gateway@10.2.0.1>;expires=100")], 100),
            ([("Contact", "sip:gateway@10.2.0.1;expires=100")], 100),
            ([("Contact", "<sip:gate%77ay@10.2.0.1:5060;ob>;expires=100")], 100),
            ([("Contact", '<sip:gateway@10.2.0.1>;expires="100"')], 100),
            ([("Contact", "broken>"), ("Contact", "<sip:gateway@10.2.0.1>;expires=100")], 100),
            ([("Contact", "<tel:+49>, <sip:gateway@10.2.0.1>;expires=100")], 100),
            ([("Contact", "<sip:gateway@10.2.0.1:5062>;expires=50, <sip:gateway@10.2.0.1>;expires=100")], 100),
            ([("Contact", "<sip:gateway@10.2.0.1>"), ("Expires", "200")], 200),
            ([], 600),
        ],
    )
    def test_is_read_from_our_own_contact(self, headers: list[tuple[str, str]], expires_s: int) -> None:
        with Scene() as scene:
            scene.centre.instead = lambda request: (200, headers)
            scene.pass_time(1)
            assert scene.registration.status().expires_at == pytest.approx(EPOCH + expires_s, abs=1)


class TestStopping:
    def test_takes_the_registration_back(self, scene: Scene) -> None:
        scene.pass_time(100)
        scene.stop()
        assert scene.centre.contacts == []
        assert scene.state == ("stopped", "")
        assert scene.centre.heard[-1].headers.get("expires") == "0"

    def test_does_not_wait_for_who_does_not_answer(self, scene: Scene) -> None:
        scene.pass_time(100)
        scene.wire.cut.add(CENTRE)
        scene.stop()
        assert scene.loop.time() < 103
        assert scene.state[0] == "stopped"

    def test_in_the_middle_of_an_attempt_is_prompt(self) -> None:
        with Scene() as scene:
            scene.wire.cut.add(CENTRE)
            scene.pass_time(1)
            scene.stop()
            assert scene.loop.time() < 4

    def test_says_nothing_to_who_never_took_us(self) -> None:
        with Scene() as scene:
            scene.centre.instead = lambda request: (403, [])
            scene.pass_time(1)
            scene.stop()
            assert len(scene.centre.heard) == 1
