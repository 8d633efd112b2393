"""Who is the node: two and more processes, a lease that answers or not, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from splitter.cluster.tenure import (
    HOLDING,
    LeaseSight,
    LeaseState,
    NodeStanding,
    Owner,
    Silence,
    Tenure,
    TenureTiming,
    step,
)

TIMING = TenureTiming(1.5, 10.0)


@dataclass
class Lease:
    """What Valkey holds; it does in memory what the scripts of `splitter.cluster.lease` do."""

    sight: LeaseSight = field(default_factory=LeaseSight)
    hosts: dict[str, int] = field(default_factory=dict)
    answers: bool = True

    def seen_by(self, me: Owner) -> LeaseSight:
        self.hosts[me.host] = self.hosts.get(me.host, 0) + 1
        return replace(self.sight, host_beat=self.hosts.get(self.sight.owner.host, 0))

    def claim(self, me: Owner, seen: LeaseSight) -> LeaseSight:
        if replace(seen, host_beat=0) == replace(self.sight, host_beat=0):
            self.sight = LeaseSight(self.sight.fence + 1, me, 0, LeaseState.HELD)
        return self.seen_by(me)

    def renew(self, me: Owner, fence: int) -> LeaseSight:
        if self.sight.fence == 0 or (self.sight.fence, self.sight.owner) == (fence, me):
            self.sight = LeaseSight(fence, me, self.sight.beat + 1, LeaseState.HELD)
        return self.seen_by(me)


class Process:
    """One process; it is asked to act by the world."""

    def __init__(self, lease: Lease, host: str, tag: str = "1", machine: str = "") -> None:
        self.lease = lease
        self.tenure = Tenure(Owner(host, machine or host, tag), TIMING)
        self.alive = True
        self.reaches = True
        self.next_at = 0.0

    @property
    def standing(self) -> NodeStanding:
        return self.tenure.standing

    def act(self, now: float) -> None:
        if not self.alive or now < self.next_at or self.standing in (NodeStanding.FENCED, NodeStanding.REFUSED):
            return
        if not (self.reaches and self.lease.answers):
            self.tenure, _ = step(self.tenure, Silence("away"), now)
        else:
            me = self.tenure.me
            holding = self.standing in HOLDING
            sight = self.lease.renew(me, self.tenure.fence) if holding else self.lease.seen_by(me)
            self.tenure, claims = step(self.tenure, sight, now)
            if claims:
                self.tenure, _ = step(self.tenure, self.lease.claim(me, sight), now)
        self.next_at = now + self.tenure.pause_s


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.lease = Lease()
        self.processes: list[Process] = []

    def process(self, host: str, tag: str = "1", machine: str = "") -> Process:
        self.processes.append(Process(self.lease, host, tag, machine))
        return self.processes[-1]

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.now += 0.01
            for one in self.processes:
                one.act(self.now)
            active = [
                one for one in self.processes if one.alive and one.standing is NodeStanding.ACTIVE and one.reaches
            ]
            assert len(active) <= 1 or not self.lease.answers, "two that hear Valkey are the node"

    def until(self, process: Process, standing: NodeStanding, limit_s: float = 60.0) -> float:
        """How long it takes."""
        began = self.now
        while process.standing is not standing:
            self.run(0.01)
            assert self.now - began < limit_s, process.tenure
        return self.now - began


@pytest.fixture
def world() -> World:
    return World()


def pair(world: World) -> tuple[Process, Process]:
    """Host A is active, host B waits and has watched for a while."""
    a = world.process("A")
    world.until(a, NodeStanding.ACTIVE)
    b = world.process("B")
    world.run(5)
    assert (a.standing, b.standing) == (NodeStanding.ACTIVE, NodeStanding.STANDBY)
    return a, b


class TestTakingOver:
    def test_the_first_start_waits_until_it_is_sure_that_nobody_is_there(self, world: World) -> None:
        assert 1.5 <= world.until(world.process("A"), NodeStanding.ACTIVE) < 1.8

    @pytest.mark.parametrize("phase", [0.0, 0.1, 0.2, 0.3])
    def test_a_dead_host_is_missed_within_two_seconds(self, world: World, phase: float) -> None:
        a, b = pair(world)
        world.run(phase)
        a.alive = False
        assert 1.0 < world.until(b, NodeStanding.ACTIVE) < 2.0

    def test_one_process_of_two_that_wait(self, world: World) -> None:
        a, b = pair(world)
        c = world.process("C")
        world.run(3)
        a.alive = False
        world.run(5)
        assert sorted([b.standing, c.standing]) == [NodeStanding.ACTIVE, NodeStanding.STANDBY]

    def test_a_dead_process_of_a_host_that_lives_has_the_first_right(self, world: World) -> None:
        a, b = pair(world)
        world.process("A", "another node's")  # it counts for the host, though it would be refused here
        world.processes[-1].tenure = replace(world.processes[-1].tenure, standing=NodeStanding.STANDBY)
        a.alive = False
        world.processes[-1].alive = False
        world.run(0.5)
        again = world.process("A", "2")
        assert world.until(again, NodeStanding.ACTIVE) < 0.1
        assert b.standing is NodeStanding.STANDBY and again.tenure.fence == a.tenure.fence + 1

    def test_but_not_for_ever(self, world: World) -> None:
        a, b = pair(world)
        a.alive = False

        def sibling() -> None:
            world.lease.hosts["A"] += 1

        for _ in range(95):
            sibling()
            world.run(0.1)
        assert b.standing is NodeStanding.STANDBY
        for _ in range(20):
            sibling()
            world.run(0.1)
        assert b.standing is NodeStanding.ACTIVE

    def test_one_that_leaves_has_it_without_a_sibling_too(self, world: World) -> None:
        a, b = pair(world)
        a.alive = False
        world.lease.sight = replace(world.lease.sight, state=LeaseState.LEAVING)
        world.run(9)
        assert b.standing is NodeStanding.STANDBY
        assert world.until(b, NodeStanding.ACTIVE) < 2

    def test_what_was_given_away_is_taken_at_once_by_another_host(self, world: World) -> None:
        a, b = pair(world)
        a.alive = False
        world.lease.sight = replace(world.lease.sight, state=LeaseState.FREE)
        again = world.process("A", "2")
        assert world.until(b, NodeStanding.ACTIVE) < 0.3
        assert again.standing is NodeStanding.STANDBY

    def test_and_by_its_own_where_there_is_no_other(self, world: World) -> None:
        a = world.process("A")
        world.until(a, NodeStanding.ACTIVE)
        a.alive = False
        world.lease.sight = replace(world.lease.sight, state=LeaseState.FREE)
        assert 4 < world.until(world.process("A", "2"), NodeStanding.ACTIVE) < 8


class TestFencing:
    def test_a_split_brain_ends_when_valkey_is_heard_again(self, world: World) -> None:
        a, b = pair(world)
        a.reaches = False
        world.until(b, NodeStanding.ACTIVE)
        assert a.standing is NodeStanding.ALONE
        world.run(30)
        assert (a.standing, b.standing) == (NodeStanding.ALONE, NodeStanding.ACTIVE)
        a.reaches = True
        assert world.until(a, NodeStanding.FENCED) < 0.5
        assert b.standing is NodeStanding.ACTIVE and "host B" in a.tenure.reason

    def test_one_that_was_asleep_is_overtaken(self, world: World) -> None:
        a, b = pair(world)
        a.alive = False
        world.until(b, NodeStanding.ACTIVE)
        a.alive = True
        assert world.until(a, NodeStanding.FENCED) < 0.5


class TestValkeyGoesWrong:
    """Nobody loses the lease by what happens to Valkey."""

    @pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0, 60.0])
    def test_silent_for_a_while(self, world: World, seconds: float) -> None:
        a, b = pair(world)
        world.lease.answers = False
        world.run(seconds)
        assert a.standing is (NodeStanding.ACTIVE if seconds < 1.5 else NodeStanding.ALONE)
        world.lease.answers = True
        world.run(10)
        assert (a.standing, b.standing) == (NodeStanding.ACTIVE, NodeStanding.STANDBY)

    def test_flushed(self, world: World) -> None:
        a, b = pair(world)
        world.lease.sight, world.lease.hosts = LeaseSight(), {}
        world.run(10)
        assert (a.standing, b.standing) == (NodeStanding.ACTIVE, NodeStanding.STANDBY)

    def test_restarted_empty(self, world: World) -> None:
        a, b = pair(world)
        world.lease.answers = False
        world.run(3)
        world.lease.sight, world.lease.hosts, world.lease.answers = LeaseSight(), {}, True
        world.run(10)
        assert (a.standing, b.standing) == (NodeStanding.ACTIVE, NodeStanding.STANDBY)

    def test_a_standby_that_slept_watches_anew(self, world: World) -> None:
        a, b = pair(world)
        b.alive = False
        world.run(20)
        b.alive = True
        world.run(10)
        assert (a.standing, b.standing) == (NodeStanding.ACTIVE, NodeStanding.STANDBY)

    def test_a_claim_whose_answer_was_lost_is_seen_later(self, world: World) -> None:
        a, b = pair(world)
        a.alive = False
        world.lease.sight = LeaseSight(a.tenure.fence + 1, b.tenure.me, 0, LeaseState.HELD)
        assert world.until(b, NodeStanding.ACTIVE) < 0.3
        assert b.tenure.fence == a.tenure.fence + 1


class TestNamesThatAreUsedTwice:
    def test_a_second_machine_of_the_name_is_refused(self, world: World) -> None:
        a, _ = pair(world)
        twin = world.process("A", "1", machine="another")
        world.until(twin, NodeStanding.REFUSED)
        assert "another process is this node on host A" in twin.tenure.reason
        assert a.standing is NodeStanding.ACTIVE

    def test_one_that_replaces_a_dead_one_is_not(self, world: World) -> None:
        a = world.process("A")
        world.until(a, NodeStanding.ACTIVE)
        a.alive = False
        assert world.until(world.process("A", "1", machine="another"), NodeStanding.ACTIVE) < 15
