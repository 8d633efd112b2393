"""Who is the node: what a process concludes from what Valkey says of the lease. Pure: time and sights go in.

    STANDBY ──claimed──▶ ACTIVE ◀──heard again── ALONE
       │                   │  └──Valkey silent──▶  │
       ▼                   ▼                        │
    REFUSED             FENCED ◀──another has it────┘

Nobody's clock is believed. A holder counts its beat up; whoever waits measures with a clock of its own how long the
beat has stood still while Valkey answered. So a Valkey that was paused, flushed or restarted, a clock that jumps, and a
standby that slept make nobody lose the lease: what was not watched is watched anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

WATCH_PARTS, RENEW_PARTS = 10, 4
"""Looks of a standby and renewals of a holder, in each lease_ttl_s."""


class NodeStanding(StrEnum):
    """The relation of a process to its node."""

    STANDBY = "standby"
    ACTIVE = "active"
    ALONE = "alone"  # active, while Valkey says nothing: nothing is protected
    FENCED = "fenced"  # another process is the node: this one must end without a word
    REFUSED = "refused"  # somebody else uses our host's name


HOLDING = frozenset({NodeStanding.ACTIVE, NodeStanding.ALONE})


class LeaseState(StrEnum):
    """What the last holder has said of the lease."""

    NEVER = ""  # there is none: the first start, or Valkey was flushed
    HELD = "held"
    LEAVING = "leaving"  # it begins anew, and has the first right for a while
    FREE = "free"  # it has given the node away


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that may hold a lease.

    Attributes:
        host: its name for operators.
        machine: what tells two of one name apart: their machine, and the folder that only one process there can have.
        tag: of this start of the process.
    """

    host: str
    machine: str
    tag: str

    def __str__(self) -> str:
        return f"{self.host} {self.machine} {self.tag}"

    @classmethod
    def read(cls, text: str) -> Owner:
        """The owner that was written so; what is none is nobody we know."""
        parts = text.split(" ")
        return cls(*parts) if len(parts) == 3 else cls(text, "", "")


@dataclass(frozen=True, slots=True)
class LeaseSight:
    """Answer of Valkey: what it says of the lease.

    Attributes:
        fence: how often it has changed hands; 0 where there is none.
        owner: the last holder.
        beat: its sign of life.
        host_beat: that of its host.
        waiting: hosts that wait for the lease, and their beats.
    """

    fence: int = 0
    owner: Owner = Owner("", "", "")
    beat: int = 0
    state: LeaseState = LeaseState.NEVER
    host_beat: int = 0
    waiting: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """Event in the place of a sight: Valkey did not answer, or not as it should."""

    reason: str


@dataclass(frozen=True, slots=True)
class TenureTiming:
    """How long is waited for what, in seconds."""

    ttl_s: float = 1.5
    grace_s: float = 10.0

    @property
    def gap_s(self) -> float:
        """After so long without an answer, what was seen before is worth nothing."""
        return self.ttl_s * 0.7


@dataclass(frozen=True, slots=True)
class Tenure:
    """Knowledge that one process has of the lease of its node.

    Attributes:
        fence: of our lease; 0 before.
        seen: the last sight.
        beat_at, host_at: when the beats of holder and host were first seen as they are now.
        heard_at: when Valkey last answered.
        reason: why it is silent, or who has the lease, in plain words.
    """

    me: Owner
    timing: TenureTiming = TenureTiming()
    standing: NodeStanding = NodeStanding.STANDBY
    fence: int = 0
    seen: LeaseSight | None = None
    beat_at: float = 0.0
    host_at: float = 0.0
    heard_at: float | None = None
    reason: str = ""

    @property
    def pause_s(self) -> float:
        """Until Valkey is asked again."""
        return self.timing.ttl_s / (RENEW_PARTS if self.standing in HOLDING else WATCH_PARTS)


def step(tenure: Tenure, event: LeaseSight | Silence, now: float) -> tuple[Tenure, bool]:
    """Conclude from one answer, or none.

    Returns: the same process, and whether it should claim the lease as it was just seen.
    """
    if isinstance(event, Silence):
        return _silent(tenure, event, now), False
    if tenure.standing in HOLDING:
        return _held(tenure, event, now), False
    if event.owner == tenure.me and event.state is LeaseState.HELD and event.fence:  # claimed
        return replace(
            tenure, standing=NodeStanding.ACTIVE, fence=event.fence, seen=event, heard_at=now, reason=""
        ), False
    watching = _watched(tenure, event, now)
    return watching, watching.standing is NodeStanding.STANDBY and _is_ours(watching, now)


def _silent(tenure: Tenure, event: Silence, now: float) -> Tenure:
    late = tenure.heard_at is None or now - tenure.heard_at > tenure.timing.ttl_s
    alone = tenure.standing is NodeStanding.ACTIVE and late
    return replace(tenure, standing=NodeStanding.ALONE if alone else tenure.standing, reason=event.reason)


def _held(tenure: Tenure, sight: LeaseSight, now: float) -> Tenure:
    known = replace(tenure, seen=sight, heard_at=now)
    if sight.owner == tenure.me and sight.fence == tenure.fence:
        return replace(known, standing=NodeStanding.ACTIVE, reason="")
    return replace(known, standing=NodeStanding.FENCED, reason=f"host {sight.owner.host} is this node now")


def _watched(tenure: Tenure, sight: LeaseSight, now: float) -> Tenure:
    """Since when the beats have stood still under our eyes."""
    before = tenure.seen
    if before is None or tenure.heard_at is None or now - tenure.heard_at > tenure.timing.gap_s:
        return replace(tenure, seen=sight, heard_at=now, beat_at=now, host_at=now, reason="")
    beats = (before.fence, before.owner, before.beat, before.state) != (
        sight.fence,
        sight.owner,
        sight.beat,
        sight.state,
    )
    host = beats or before.host_beat != sight.host_beat
    known = replace(
        tenure,
        seen=sight,
        heard_at=now,
        beat_at=now if beats else tenure.beat_at,
        host_at=now if host else tenure.host_at,
        reason="",
    )
    twin = sight.owner.host == tenure.me.host and sight.owner.machine != tenure.me.machine
    if twin and beats and sight.state is LeaseState.HELD and before.owner == sight.owner:
        reason = (
            f"another process is this node on host {tenure.me.host}: give each machine, and each folder, its own name"
        )
        return replace(known, standing=NodeStanding.REFUSED, reason=reason)
    return known


def _is_ours(tenure: Tenure, now: float) -> bool:
    """Whether nobody else has a right to the lease."""
    sight, timing = tenure.seen, tenure.timing
    assert sight is not None
    still_s = now - tenure.beat_at
    from_here = (sight.owner.host, sight.owner.machine) == (tenure.me.host, tenure.me.machine)
    match sight.state:
        case LeaseState.FREE:  # whoever gave it away is the last to take it back
            return not from_here or still_s >= 4 * timing.ttl_s
        case LeaseState.NEVER:
            return still_s >= timing.ttl_s
    if from_here:  # our predecessor: it had the folder that we have now, so it is gone
        return True
    if sight.state is LeaseState.LEAVING:
        return still_s >= timing.grace_s
    dead = now - tenure.host_at >= timing.ttl_s
    return still_s >= (timing.ttl_s if dead else max(timing.grace_s, timing.ttl_s))
