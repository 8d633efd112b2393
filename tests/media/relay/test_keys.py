"""A relay with encrypted sides (SRTP, RFC 3711): each side hears the other, and nobody else does."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import KeysDoubted, MediaStarted
from splitter.media.wire.keyed import DOUBTED, FORMER_S
from splitter.media.wire.pairs import Stragglers
from splitter.rtp import rtcp
from splitter.sdp.srtp import StreamKeys, Suite
from tests.media.relay.kit import ALAW, CALLER, CENTRE, Call, rtp
from tests.media.secured import SecurePeer, keys_of

FORMER = Address(CALLER.host, 4004)
REPORT = rtcp.build([rtcp.ReceiverReport(1)])


class SecureCall(Call):
    """A call whose caller has keys, and whose centre has none."""

    def __init__(self, keys: StreamKeys) -> None:
        super().__init__()
        self.phone = SecurePeer(keys)
        self.key(keys)

    def key(self, keys: StreamKeys | None) -> None:
        self.relay.set_remote(0, RemoteEnd(CALLER, Address(CALLER.host, CALLER.port + 1), voice=ALAW, keys=keys))

    def got(self, side: int) -> list[bytes]:
        return [data for data, _ in self.host.pairs[side].sent]


@pytest.mark.parametrize("suite", list(Suite))
class TestBothWays:
    def test_voice_is_encrypted_on_one_side_alone(self, suite: Suite) -> None:
        call = SecureCall(keys_of(suite))
        said, heard = [rtp(n, 1) for n in range(50)], [rtp(n, 2) for n in range(50)]
        for mine, theirs in zip(said, heard, strict=True):
            call.say(0, call.phone.seal(mine))
            call.say(1, theirs)
        assert call.got(1) == said
        assert call.got(0) != heard and [call.phone.open(one) for one in call.got(0)] == heard
        [caller, centre] = call.relay.report().sides
        assert (caller.packets_in, caller.packets_out, centre.packets_out, caller.rejected) == (50, 50, 50, 0)

    def test_reports_too(self, suite: Suite) -> None:
        call = SecureCall(keys_of(suite))
        sent: list[list[bytes]] = [[], []]
        for pair, kept in zip(call.host.pairs, sent, strict=True):
            pair.send_rtcp = lambda data, to, kept=kept: kept.append(bytes(data)) or True  # type: ignore
        control = [Address(peer.host, peer.port + 1) for peer in (CALLER, CENTRE)]
        call.host.pairs[0].on_rtcp(bytearray(call.phone.seal_rtcp(REPORT)), control[0], call.host.time)
        call.host.pairs[1].on_rtcp(bytearray(REPORT), control[1], call.host.time)
        assert sent[1] == [REPORT]
        assert [call.phone.open_rtcp(one) for one in sent[0]] == [REPORT] and sent[0] != [REPORT]


class TestTheCounterOfRollovers:
    def test_goes_on_over_an_offer_with_the_same_key(self) -> None:
        keys = keys_of()
        call = SecureCall(keys)
        numbers = [*range(0, 200_000, 20_000), 200_001]
        for number in numbers[:-1]:
            call.say(0, call.phone.seal(rtp(number, 1)))
            call.say(1, rtp(number, 2))
        call.key(replace(keys))
        call.say(0, call.phone.seal(rtp(numbers[-1], 1)))
        call.say(1, rtp(numbers[-1], 2))
        assert len(call.got(1)) == len(numbers)
        assert all(call.phone.open(one) for one in call.got(0)) and len(call.got(0)) == len(numbers)

    @pytest.mark.parametrize("suite", [Suite.AES_CM_128_HMAC_SHA1_80, Suite.AEAD_AES_256_GCM])
    def test_is_found_by_a_worker_that_comes_later(self, suite: Suite) -> None:
        """A voice that has wrapped 40 times, some 15 hours, is heard again within a few packets."""
        keys = keys_of(suite)
        before = SecureCall(keys)
        for number in range(0, 40 * 65_536, 20_000):
            before.phone.seal(rtp(number, 1))
        call = SecureCall(keys)
        call.phone = before.phone
        call.key(None)
        call.key(keys.receiving)
        for number in range(20_000, 20_010):
            call.say(0, call.phone.seal(rtp(number, 1)))
        call.key(keys)  # the peer has answered, with its key as it was
        for number in range(20_010, 20_020):
            call.say(0, call.phone.seal(rtp(number, 1)))
        assert call.got(1) == [rtp(number, 1) for number in range(20_002, 20_020)]

    @pytest.mark.parametrize("suite", list(Suite))
    @pytest.mark.parametrize("goes_on", [True, False])
    def test_goes_on_or_begins_anew_with_another_key_of_the_peer(self, goes_on: bool, suite: Suite) -> None:
        """RFC 3711 §3.3.1 says that it goes on; Teams, Asterisk and others begin anew."""
        call, other = SecureCall(keys_of(suite)), keys_of(suite, theirs=5, ours=6)
        wrapped = 2 * 65_536
        for number in range(0, wrapped, 20_000):
            call.say(0, call.phone.seal(rtp(number, 1)))
        late = call.phone.seal(rtp(wrapped + 1, 1))
        call.phone = SecurePeer(other)
        for number in range(0, wrapped if goes_on else 0, 20_000):
            call.phone.seal(rtp(number, 1))
        call.key(other)
        heard = len(call.got(1))
        call.say(0, late)
        for number in range(wrapped + 2, wrapped + 60):
            call.say(0, call.phone.seal(rtp(number, 1)))
        assert call.got(1)[heard:] == [rtp(number, 1) for number in range(wrapped + 1, wrapped + 60)]
        assert call.relay.report().sides[0].rejected == 0

    def test_that_nobody_has_is_not_looked_for_without_end(self) -> None:
        keys = keys_of()
        call = SecureCall(keys)
        call.key(None)
        call.key(keys.receiving)
        before = time.process_time()
        for ssrc in range(20_000):
            call.say(0, rtp(1, ssrc) + bytes(10))
        assert time.process_time() - before < 10, "a flood of strangers costs no more than a bounded search"
        assert call.got(1) == [] and call.relay.report().sides[0].rejected == 20_000

    def test_is_found_among_strangers(self) -> None:
        keys = keys_of()
        before, call = SecureCall(keys), SecureCall(keys)
        for number in range(0, 10 * 65_536, 20_000):
            before.phone.seal(rtp(number, 1))
        call.key(None)
        call.key(keys.receiving)
        for number in range(50_200, 50_210):
            call.say(0, rtp(number, 1000 + number) + bytes(10))
            call.say(0, before.phone.seal(rtp(number, 1)))
        assert len(call.got(1)) >= 9


class TestAnotherKey:
    def test_is_taken_at_once_and_the_former_one_for_a_moment(self) -> None:
        first, second = keys_of(Suite.AEAD_AES_128_GCM), keys_of(Suite.AEAD_AES_128_GCM, theirs=3, ours=4)
        call = SecureCall(first)
        late = [call.phone.seal(rtp(number, 1)) for number in range(3)]
        call.say(0, late[0])
        call.key(second)
        changed = SecurePeer(second)
        call.say(0, late[1])  # was under way
        call.say(0, changed.seal(rtp(10, 1)))
        call.say(1, rtp(1, 2))
        call.host.pass_time(call.host.time + FORMER_S + 0.1)
        call.say(0, late[2])
        call.say(0, changed.seal(rtp(11, 1)))
        assert call.got(1) == [rtp(0, 1), rtp(1, 1), rtp(10, 1), rtp(11, 1)]
        assert [changed.open(one) for one in call.got(0)] == [rtp(1, 2)]

    def test_may_be_none_any_more(self) -> None:
        call = SecureCall(keys_of())
        call.key(None)
        call.say(0, rtp(1, 1))
        call.say(1, rtp(1, 2))
        assert (call.got(1), call.got(0)) == ([rtp(1, 1)], [rtp(1, 2)])

    def test_of_ours_that_was_lost_sends_nothing(self) -> None:
        keys = keys_of()
        call = SecureCall(keys)
        call.key(keys.receiving)
        call.say(0, call.phone.seal(rtp(1, 1)))
        call.say(1, rtp(1, 2))
        assert (len(call.got(1)), call.got(0)) == (1, [])


class TestStrangers:
    def test_with_other_keys_are_not_heard_nor_believed(self) -> None:
        call = SecureCall(keys_of())
        stranger = SecurePeer(keys_of(theirs=9))
        for number in range(DOUBTED + 5):
            call.say(0, stranger.seal(rtp(number, 1)))
        assert call.got(1) == []
        assert [event for event in call.events if isinstance(event, KeysDoubted)] == [
            KeysDoubted("call", "audio", "caller", CALLER)
        ]
        assert not [event for event in call.events if isinstance(event, MediaStarted)], "it is not taken for the peer"
        assert call.relay.report().sides[0].rejected == DOUBTED + 5
        call.say(0, call.phone.seal(rtp(1, 1)))
        assert call.got(1) == [rtp(1, 1)]

    def test_who_had_our_port_before_are_no_reason_to_doubt_the_keys(self) -> None:
        call = SecureCall(keys_of())
        former = SecurePeer(keys_of(theirs=9))
        call.relay.sides[0].pair.late = Stragglers({FORMER: call.host.time + 20})
        for number in range(DOUBTED + 5):
            call.host.pairs[0].on_rtp(bytearray(former.seal(rtp(number, 1))), FORMER, call.host.time)
        assert not [event for event in call.events if isinstance(event, KeysDoubted)]

    def test_that_repeat_a_packet_are_counted(self) -> None:
        call = SecureCall(keys_of())
        packet = call.phone.seal(rtp(1, 1))
        call.say(0, packet)
        call.say(0, packet)
        assert call.got(1) == [rtp(1, 1)] and call.relay.report().sides[0].rejected == 1

    @pytest.mark.parametrize("data", [b"", b"\x80", rtp(1, 1), rtp(1, 1)[:13], b"\x80\xc8" + bytes(4), bytes(2000)])
    def test_that_send_anything_else_are_not_heard(self, data: bytes) -> None:
        call = SecureCall(keys_of())
        call.say(0, data)
        call.host.pairs[0].on_rtcp(bytearray(data), Address(CALLER.host, CALLER.port + 1), call.host.time)
        assert call.got(1) == [] and call.relay.report().sides[0].rejected >= 1


class TestTheKernel:
    def test_is_not_given_what_is_encrypted(self) -> None:
        call = SecureCall(keys_of())
        for _ in range(100):
            call.host.pass_time(call.host.time + 0.02)
            call.sequence += 1
            call.say(0, call.phone.seal(rtp(call.sequence, 1)))
            call.say(1, rtp(call.sequence, 2))
        assert call.carried == [(False, "it is encrypted (SRTP), which the worker does", False)]
        assert len(call.got(1)) == 100

    def test_gives_back_what_gets_keys(self) -> None:
        call = Call()
        call.talk(1)
        assert call.relay.sides[0].rtp.steady and call.carried[-1][0]
        keys = keys_of()
        call.relay.set_remote(0, RemoteEnd(CALLER, Address(CALLER.host, CALLER.port + 1), voice=ALAW, keys=keys))
        before = len(call.host.pairs[1].sent)
        call.say(0, SecurePeer(keys).seal(rtp(5000, 1)))
        assert len(call.host.pairs[1].sent) == before + 1 and not call.carried[-1][0]


def test_what_is_encrypted_grows() -> None:
    """The tag is there: nothing leaves by a way that knows no keys."""
    call = SecureCall(keys_of())
    call.say(0, call.phone.seal(rtp(1, 1)))
    call.say(1, rtp(1, 2))
    assert len(call.got(0)[0]) == len(rtp(1, 2)) + 10
