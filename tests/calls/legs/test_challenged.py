"""calls/legs/challenged.py: calls to a centre that asks for credentials, as the whole gateway makes them, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from splitter.sip.authenticator import Authenticator, LoginVerdict
from splitter.sip.digest import HEADERS, proofs_of, secret_of
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request
from splitter.sip.nonce import Nonces
from tests.calls.kit import connected, ended
from tests.world import Peer, World
from tests.world.wire import Weather, label

OURS = {"username": "gateway", "password": "hunter2"}


class Guard:
    """Stands before a peer and asks for credentials, within calls too.

    Attributes:
        asks: which requests it asks for.
        refused: requests that were challenged.
        proxy: it asks as a proxy does, with 407.
    """

    def __init__(self, peer: Peer, asks: Callable[[Request], bool] = lambda request: True, proxy: bool = False) -> None:
        self.asks = asks
        self.proxy = proxy
        self.refused: list[Request] = []
        self._peer = peer
        self._rng = random.Random(1)
        self.forget_nonces(b"k" * 32)
        peer.guard = self._refuses

    def forget_nonces(self, secret: bytes = b"l" * 32) -> None:
        """Call every nonce of before stale."""
        secrets = {"gateway": {"SHA-256": secret_of("SHA-256", "gateway", "pbx", "hunter2")}}
        self.authenticator = Authenticator("pbx", secrets, ["SHA-256"], Nonces(secret), "decoy")

    def _refuses(self, event: RequestArrived) -> bool:
        request = event.request
        if not self.asks(request):
            return False
        now = self._peer.world.now
        judged = request
        if self.proxy:
            judged = Request(request.method, request.uri, request.headers.copy(), request.body)
            for value in judged.headers.get_all("Proxy-Authorization"):
                judged.headers.add("Authorization", value)
        verdict = self.authenticator.judge(judged, "here", now).verdict
        if verdict is LoginVerdict.GRANTED:
            return False
        self.refused.append(request)
        lines = self.authenticator.challenges("here", self._rng.getrandbits(64), now, stale=verdict.stale)
        lines = [(HEADERS[self.proxy][0], value) for _, value in lines]
        status = 407 if self.proxy else 401
        self._peer.driver.respond(event.txn, request.respond(status, to_tag="guard", headers=lines))
        return True


def requests(world: World, peer: Peer) -> list[Request]:
    """What the gateway sent to a peer."""
    return [
        sent.message
        for sents in world.wire.sent.values()
        for sent in sents
        if sent.target == peer.address and isinstance(sent.message, Request)
    ]


class TestTheInvite:
    @pytest.mark.parametrize("proxy", [False, True])
    def test_is_sent_again_with_credentials(self, proxy: bool) -> None:
        with World(trunk=OURS) as world:
            guard = Guard(world.pbx, proxy=proxy)
            caller, centre = connected(world)
            assert [label(request) for request in guard.refused] == ["INVITE"]
            first, second = (request for request in requests(world, world.pbx) if request.method == "INVITE")
            assert second.cseq[0] == first.cseq[0] + 1
            assert second.body == first.body
            assert proofs_of(second, proxy)[0].username == "gateway"
            ended(world, caller, centre)

    def test_is_acknowledged_with_its_number_and_credentials(self) -> None:
        """RFC 3261 §13.2.2.4, §22.1."""
        with World(trunk=OURS) as world:
            Guard(world.pbx)
            caller, centre = connected(world)
            ack = [request for request in requests(world, world.pbx) if request.method == "ACK"][-1]
            invite = [request for request in requests(world, world.pbx) if request.method == "INVITE"][-1]
            assert ack.cseq == (invite.cseq[0], "ACK")
            assert ack.headers.get_all("authorization") == invite.headers.get_all("authorization") != []
            ended(world, caller, centre)

    def test_may_be_cancelled_before_and_after(self) -> None:
        for after_ms in range(0, 40, 3):
            with World(trunk=OURS) as world:
                Guard(world.pbx)
                caller = world.sbc.invite()
                world.run(after_ms / 1000)
                caller.cancel()
                world.run(1)
                assert caller.status == 487
                world.settle()

    def test_is_given_up_if_the_password_is_wrong(self) -> None:
        with World(trunk=OURS | {"password": "wrong"}) as world:
            guard = Guard(world.pbx)
            caller = world.sbc.invite("12345")
            caller.expect("480")
            assert len(guard.refused) == 2
            assert "hunter" not in repr(world.logs) and "wrong for realm" in repr(world.logs)
            world.settle()

    def test_without_credentials_is_refused_as_before(self, world: World) -> None:
        guard = Guard(world.pbx)
        world.sbc.invite("12345").expect("480")
        assert len(guard.refused) == 1
        world.settle()


class TestInTheCall:
    def test_requests_bring_credentials_unasked(self) -> None:
        with World(trunk=OURS) as world:
            guard = Guard(world.pbx)
            caller, centre = connected(world)
            caller.bye()
            centre.expect("BYE")
            assert len(guard.refused) == 1
            bye = [request for request in requests(world, world.pbx) if request.method == "BYE"][-1]
            invite = [request for request in requests(world, world.pbx) if request.method == "INVITE"][-1]
            assert bye.cseq[0] > invite.cseq[0]
            assert proofs_of(bye)[0].count == 2
            world.settle()

    def test_a_bye_that_is_challenged_is_sent_again(self) -> None:
        with World(trunk=OURS) as world:
            guard = Guard(world.pbx, asks=lambda request: request.method == "BYE")
            caller, centre = connected(world)
            caller.bye()
            centre.expect("BYE")
            assert [request.method for request in guard.refused] == ["BYE"]
            world.settle()

    def test_a_reinvite_that_is_challenged_holds_all_the_same(self) -> None:
        with World(trunk=OURS) as world:
            guard = Guard(world.pbx, asks=lambda request: request.method == "INVITE" and request.to_tag is not None)
            caller, _ = connected(world)
            caller.reinvite(audio="sendonly")
            caller.expect("200 re-INVITE")
            assert len(guard.refused) == 1
            world.run(1)
            numbers = [request.cseq[0] for request in requests(world, world.pbx) if request.method != "ACK"]
            assert numbers == sorted(set(numbers)), "never the same number twice, never back"
            caller.bye()
            world.run(1)
            world.settle()

    def test_a_new_nonce_in_the_middle_is_taken(self) -> None:
        with World(trunk=OURS) as world:
            guard = Guard(world.pbx)
            caller, centre = connected(world)
            world.run(400)  # nonces live 300 s
            caller.bye()
            centre.expect("BYE")
            assert [request.method for request in guard.refused] == ["INVITE", "BYE"]
            world.settle()


class TestManyCalls:
    def test_through_a_bad_network(self) -> None:
        with World(seed=3, weather=Weather(loss=0.15, jitter_s=0.05), trunk=OURS) as world:
            Guard(world.pbx)
            for _ in range(20):
                caller = world.sbc.invite("12345")
                centre = world.pbx.take()
                centre.answer()
                world.run(20)
                assert (caller.state, centre.state) == ("confirmed", "confirmed")
                caller.bye()
                world.run(40)
                assert centre.heard == ["INVITE", "ACK", "BYE"]
            world.settle(200)
