"""The latching rules, without sockets: only the signalled host may move its port, and only in the window."""

from __future__ import annotations

import pytest

from splitter.core.net import Address
from splitter.media.wire.latch import Latch as AnyLatch
from splitter.media.wire.latch import LatchRules, Verdict
from splitter.media.wire.pairs import Stragglers
from splitter.media.wire.sources import NONE, Sources

SIGNALLED = Address("198.51.100.7", 5000)
BEHIND_NAT = Address("198.51.100.7", 61000)
NEIGHBOUR = Address("198.51.100.7", 7000)
STRANGER = Address("203.0.113.9", 5000)
SSRC, OTHER_SSRC = 0x1234, 0x9999


class Latch:
    """A voice's latch, and the time."""

    def __init__(self, confirm: int) -> None:
        self.one = AnyLatch(LatchRules(window_s=5.0, in_a_row=confirm))
        self.now = 100.0

    def signal(self, remote: Address | None, sources: Sources = NONE) -> None:
        self.one.expect(remote, self.now, sources)

    def judge(self, source: Address, ssrc: int | None) -> bool:
        return self.one.judge(source, self.now, ssrc) is Verdict.ACCEPT

    def close_window(self) -> None:
        self.now += 6.0

    def believe(self, host: str) -> None:
        self.one.believe(host)

    @property
    def destination(self) -> Address | None:
        return self.one.destination

    @property
    def current(self) -> Address | None:
        return self.one.current

    @property
    def settled(self) -> bool:
        return self.one.settled


@pytest.fixture
def latch() -> Latch:
    latch = Latch(confirm=3)
    latch.signal(SIGNALLED)
    return latch


def learn(latch: Latch, source: Address, ssrc: int = SSRC, packets: int = 3) -> list[bool]:
    return [latch.judge(source, ssrc) for _ in range(packets)]


class TestAPortThatWasAnothersJustNow:
    """Where no port that has rested was left: see `PortPairs`. Its former user's peer is the same SBC, as a rule."""

    @pytest.fixture(autouse=True)
    def late(self, latch: Latch) -> None:
        latch.one.doubt(Stragglers({NEIGHBOUR: latch.now + 20}))

    def test_its_late_packets_are_not_learned(self, latch: Latch) -> None:
        assert learn(latch, NEIGHBOUR, OTHER_SSRC, 20) == [False] * 20
        assert latch.destination == SIGNALLED and learn(latch, BEHIND_NAT) == [False, False, True]

    def test_its_former_peer_is_believed_once_it_is_named(self, latch: Latch) -> None:
        latch.signal(NEIGHBOUR)
        assert latch.judge(NEIGHBOUR, SSRC)

    def test_its_former_peer_may_be_learned_when_it_would_have_rested(self, latch: Latch) -> None:
        latch.now += 21
        latch.signal(SIGNALLED)
        assert learn(latch, NEIGHBOUR) == [False, False, True]

    def test_whoever_may_still_send_is_told_when_it_closes(self, latch: Latch) -> None:
        assert latch.one.speakers == {SIGNALLED}
        learn(latch, BEHIND_NAT)
        assert latch.one.speakers == {SIGNALLED, BEHIND_NAT}

    def test_so_is_who_sent_before_the_call_was_held(self, latch: Latch) -> None:
        learn(latch, BEHIND_NAT)
        latch.signal(None)
        assert latch.one.speakers == {BEHIND_NAT}


class TestBeforeSignalling:
    def test_nobody_may_send_and_nothing_is_sent(self) -> None:
        latch = Latch(confirm=1)
        assert not latch.judge(SIGNALLED, SSRC)
        assert latch.destination is None

    def test_the_signalled_address_is_where_to_send_before_it_has_spoken(self, latch: Latch) -> None:
        assert latch.destination == SIGNALLED
        assert latch.current is None


class TestTheSignalledAddress:
    def test_is_taken_at_its_first_packet_and_settles_the_matter(self, latch: Latch) -> None:
        assert latch.judge(SIGNALLED, SSRC)
        assert latch.settled
        assert not any(learn(latch, BEHIND_NAT))

    def test_needs_not_even_send_rtp(self, latch: Latch) -> None:
        assert latch.judge(SIGNALLED, None)

    def test_is_still_taken_after_a_window_in_which_it_was_silent(self, latch: Latch) -> None:
        latch.close_window()
        assert latch.judge(SIGNALLED, SSRC)


class TestAnotherPortOfTheSameHost:
    def test_is_believed_after_so_many_packets_in_a_row(self, latch: Latch) -> None:
        assert learn(latch, BEHIND_NAT) == [False, False, True]
        assert latch.destination == BEHIND_NAT
        assert latch.judge(BEHIND_NAT, SSRC)

    def test_starts_anew_when_another_source_comes_between(self, latch: Latch) -> None:
        assert learn(latch, BEHIND_NAT, packets=2) == [False, False]
        assert not latch.judge(NEIGHBOUR, SSRC)
        assert learn(latch, BEHIND_NAT) == [False, False, True]

    def test_starts_anew_when_the_stream_changes(self, latch: Latch) -> None:
        learn(latch, BEHIND_NAT, packets=2)
        assert not latch.judge(BEHIND_NAT, OTHER_SSRC)

    def test_is_never_believed_without_rtp(self, latch: Latch) -> None:
        assert not any(latch.judge(BEHIND_NAT, None) for _ in range(10))

    def test_gives_way_to_the_signalled_one_in_the_window(self, latch: Latch) -> None:
        learn(latch, BEHIND_NAT)
        assert latch.judge(SIGNALLED, SSRC)
        assert latch.destination == SIGNALLED
        assert not latch.judge(BEHIND_NAT, SSRC)

    def test_does_not_give_way_to_a_third_one(self, latch: Latch) -> None:
        learn(latch, BEHIND_NAT)
        assert not any(learn(latch, NEIGHBOUR, packets=10))

    def test_is_frozen_when_the_window_closes(self, latch: Latch) -> None:
        learn(latch, BEHIND_NAT)
        latch.close_window()
        assert not latch.judge(SIGNALLED, SSRC)
        assert latch.judge(BEHIND_NAT, SSRC)

    def test_is_not_learned_after_the_window(self, latch: Latch) -> None:
        latch.close_window()
        assert not any(learn(latch, BEHIND_NAT, packets=10))
        assert latch.destination == SIGNALLED


class TestALearnedPortAfterTheWindow:
    """It gives way to the signalled address whenever that speaks."""

    @pytest.fixture
    def frozen(self, latch: Latch) -> Latch:
        learn(latch, NEIGHBOUR)
        latch.close_window()
        return latch

    def test_to_so_many_packets(self, frozen: Latch) -> None:
        assert learn(frozen, SIGNALLED) == [False, False, True]
        assert frozen.destination == SIGNALLED
        assert not any(learn(frozen, NEIGHBOUR, packets=30))

    def test_though_it_sends_on(self, frozen: Latch) -> None:
        for _ in range(3):
            frozen.judge(NEIGHBOUR, OTHER_SSRC)
            frozen.judge(SIGNALLED, SSRC)
        assert frozen.destination == SIGNALLED

    def test_not_to_a_single_one(self, frozen: Latch) -> None:
        assert not frozen.judge(SIGNALLED, SSRC)
        assert not frozen.judge(SIGNALLED, OTHER_SSRC)
        assert not any(frozen.judge(SIGNALLED, None) for _ in range(5))
        assert frozen.judge(NEIGHBOUR, SSRC) and frozen.destination == NEIGHBOUR

    def test_to_nobody_else(self, frozen: Latch) -> None:
        assert not any(learn(frozen, BEHIND_NAT, packets=30)) and not any(learn(frozen, STRANGER, packets=30))

    def test_after_which_nothing_moves_any_more(self, frozen: Latch) -> None:
        learn(frozen, SIGNALLED)
        assert frozen.settled and not any(learn(frozen, BEHIND_NAT, packets=30))


class TestAnotherHost:
    def test_is_never_taken(self, latch: Latch) -> None:
        assert not any(learn(latch, STRANGER, packets=10))
        latch.judge(SIGNALLED, SSRC)
        assert not any(learn(latch, STRANGER, packets=10))


class TestSignallingAgain:
    NEW = Address("198.51.100.7", 6000)

    def test_the_same_address_keeps_what_was_learned(self, latch: Latch) -> None:
        learn(latch, BEHIND_NAT)
        latch.close_window()
        latch.signal(SIGNALLED)
        assert latch.destination == BEHIND_NAT
        assert latch.judge(BEHIND_NAT, SSRC)

    def test_the_same_address_opens_the_window(self, latch: Latch) -> None:
        latch.close_window()
        latch.signal(SIGNALLED)
        assert learn(latch, BEHIND_NAT)[-1]

    @pytest.mark.parametrize("heard_at", [SIGNALLED, BEHIND_NAT])
    def test_the_same_address_lets_a_silent_port_give_way(self, latch: Latch, heard_at: Address) -> None:
        """A phone that was heard with early media, or before a hold, and sends from elsewhere afterwards."""
        learn(latch, heard_at)
        latch.close_window()
        latch.signal(SIGNALLED)
        assert learn(latch, NEIGHBOUR) == [False, False, True]
        assert latch.destination == NEIGHBOUR

    def test_the_same_address_lets_a_heard_port_give_way_once_it_is_silent(self, latch: Latch) -> None:
        """Its last packets may be on their way when the description is named again."""
        latch.judge(SIGNALLED, SSRC)
        latch.signal(SIGNALLED)
        assert latch.judge(SIGNALLED, SSRC)
        assert learn(latch, BEHIND_NAT, packets=15) == [False] * 14 + [True]
        assert latch.destination == BEHIND_NAT

    def test_a_stray_stream_beside_one_that_is_heard_takes_nothing(self, latch: Latch) -> None:
        latch.judge(SIGNALLED, SSRC)
        latch.signal(SIGNALLED)
        for _ in range(100):
            assert latch.judge(SIGNALLED, SSRC)
            assert not any(learn(latch, NEIGHBOUR, OTHER_SSRC, packets=10))
        assert latch.destination == SIGNALLED

    def test_the_window_that_was_opened_again_closes_as_well(self, latch: Latch) -> None:
        latch.judge(SIGNALLED, SSRC)
        latch.signal(SIGNALLED)
        latch.close_window()
        assert not any(learn(latch, BEHIND_NAT, packets=100))
        assert latch.judge(SIGNALLED, SSRC)

    def test_the_same_address_lets_no_other_host_in(self, latch: Latch) -> None:
        latch.judge(SIGNALLED, SSRC)
        latch.signal(SIGNALLED)
        assert not any(learn(latch, STRANGER, packets=100))

    def test_packets_in_flight_from_the_old_address_are_taken_until_the_new_one_speaks(self, latch: Latch) -> None:
        latch.judge(SIGNALLED, SSRC)
        latch.signal(self.NEW)
        assert latch.destination == self.NEW
        assert all(learn(latch, SIGNALLED, packets=5))
        assert latch.judge(self.NEW, SSRC)
        assert not latch.judge(SIGNALLED, SSRC)

    def test_the_old_address_is_never_learned_as_the_new_one(self, latch: Latch) -> None:
        latch.judge(SIGNALLED, SSRC)
        latch.signal(self.NEW)
        learn(latch, SIGNALLED, packets=10)
        assert latch.destination == self.NEW
        latch.close_window()
        assert not latch.judge(SIGNALLED, SSRC)

    def test_none_silences_the_side(self, latch: Latch) -> None:
        latch.judge(SIGNALLED, SSRC)
        latch.signal(None)
        assert not latch.judge(SIGNALLED, SSRC)
        assert latch.destination is None


class TestOtherHostsThatAreBelieved:
    """Where the trunk says so: a neighbour whose media leave by another address than its SDP says."""

    @pytest.fixture
    def lenient(self) -> Latch:
        latch = Latch(confirm=3)
        latch.signal(SIGNALLED, Sources(("203.0.113.0/24",)))
        return latch

    def test_are_learned_like_another_port(self, lenient: Latch) -> None:
        assert learn(lenient, STRANGER) == [False, False, True]
        assert lenient.destination == STRANGER

    def test_lose_to_the_signalled_one_in_the_window(self, lenient: Latch) -> None:
        learn(lenient, STRANGER)
        assert lenient.judge(SIGNALLED, SSRC)
        assert lenient.destination == SIGNALLED
        assert not any(learn(lenient, STRANGER, packets=10))

    def test_are_kept_when_the_window_closes(self, lenient: Latch) -> None:
        learn(lenient, STRANGER)
        lenient.close_window()
        assert lenient.judge(STRANGER, SSRC)
        assert not lenient.judge(SIGNALLED, SSRC)

    def test_the_first_one_is_kept_against_the_next(self, lenient: Latch) -> None:
        learn(lenient, STRANGER)
        assert not any(learn(lenient, Address("203.0.113.10", 5000), OTHER_SSRC, packets=10))
        assert lenient.destination == STRANGER

    def test_are_not_learned_after_the_window(self, lenient: Latch) -> None:
        lenient.close_window()
        assert not any(learn(lenient, STRANGER, packets=10))

    def test_from_beyond_the_named_networks_are_refused(self, lenient: Latch) -> None:
        assert not any(learn(lenient, Address("192.0.2.1", 5000), packets=10))

    def test_are_kept_when_the_same_address_is_named_again(self, lenient: Latch) -> None:
        learn(lenient, STRANGER)
        lenient.signal(SIGNALLED, Sources(("203.0.113.0/24",)))
        assert lenient.judge(STRANGER, SSRC)

    def test_oust_nobody_who_is_heard(self, lenient: Latch) -> None:
        learn(lenient, STRANGER)
        lenient.signal(SIGNALLED, Sources(("203.0.113.0/24",)))
        assert lenient.judge(STRANGER, SSRC)
        assert not any(learn(lenient, Address("203.0.113.10", 5000), OTHER_SSRC, packets=100))

    def test_no_longer_count_when_another_address_is_named_without_them(self, lenient: Latch) -> None:
        lenient.signal(BEHIND_NAT)
        assert not any(learn(lenient, STRANGER, packets=10))

    def test_the_host_of_the_other_stream_is_believed(self, latch: Latch) -> None:
        latch.believe(STRANGER[0])
        assert learn(latch, STRANGER)[-1]
