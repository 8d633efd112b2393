"""What the parties of a simulated call are going to do: drawn once from a seeded generator, before the call begins."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from splitter.lab.offers import VideoLine, Voice
from tests.sim.browsers import BrowserPlan, browsers

CALM_S = 80.0
"""A steady call rests so long before it is hung up: every repetition and retry has had its time."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do in a call that is answered, `at_s` seconds after the answer."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class TalkPlan:
    """One party in an answered call.

    Attributes:
        steps: in order of time.
        hang_up_s: after the answer; None leaves it to the other party.
        acks: acknowledges 2xx to its INVITEs.
        keeps_time: takes part in session timers.
        manners: what it does with re-INVITEs, one after the other, round and round: "accept", "later", "resume" (its own
            hold, if it has one, ends with its answer), "488", "500", "ignore" (until it is cancelled).
        consents: the same for those that ask its user for video: "accept", "later", "off" (port 0), "ignore", a status,
            or in steps: "steps" (183, PRACK, 200), "steps 603".
    """

    steps: tuple[Step, ...] = ()
    hang_up_s: float | None = None
    acks: bool = True
    keeps_time: bool = False
    manners: tuple[str, ...] = ("accept",)
    consents: tuple[str, ...] = ("accept",)


@dataclass(frozen=True, slots=True)
class CallerPlan:
    """The caller.

    Attributes:
        start_s: when it calls.
        offers: its INVITE holds an offer.
        reliable: "", "supported" or "require": of provisional responses. timer_s: of the session; 0 asks for none.
        cancel_s, vanish_s: after the INVITE; None for never.
    """

    start_s: float
    voice: Voice
    picture: VideoLine
    offers: bool = True
    reliable: str = ""
    timer_s: int = 0
    cancel_s: float | None = None
    vanish_s: float | None = None
    talk: TalkPlan = field(default_factory=TalkPlan)


@dataclass(frozen=True, slots=True)
class Ring:
    """A provisional response, after `delay_s`. `fork` names the branch; `reliable`: with 100rel."""

    delay_s: float
    status: int
    media: bool
    fork: str = ""
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class CentrePlan:
    """The centre's side of one INVITE.

    Attributes:
        rings: provisional responses, one after the other.
        final_s: after them comes the final response; None: not before whoever calls gives up.
        status: of it. fork: the branch that answers.
        codec: which of the offered ones.
    """

    rings: tuple[Ring, ...]
    final_s: float | None
    status: int = 200
    fork: str = ""
    codec: int = 0
    vanish_s: float | None = None
    talk: TalkPlan = field(default_factory=TalkPlan)


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """A seat: joins after the answer by "id", "code" or "number", stays, and leaves (or is hung up on)."""

    at_s: float
    by: str
    stays_s: float
    refresh: bool


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What a desk asks of the call, after the answer: "raise" or "drop" the caller's video."""

    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Everybody in one call. `must_connect`: nothing but the network is in its way."""

    caller: CallerPlan
    seats: tuple[SeatPlan, ...]
    must_connect: bool
    desk: DeskPlan = field(default_factory=DeskPlan)
    browsers: tuple[BrowserPlan, ...] = ()


_CALLER_STEPS = (
    *("hold", "resume", "mute", "move", "refresh", "offerless", "video off", "video on", "info", "options"),
    *("withdrawn hold", "hold", "update hold", "update resume", "update move", "update"),
)
_CENTRE_STEPS: tuple[str, ...] = (
    "hold",
    "resume",
    "inactive",
    "move",
    "refresh",
    "offerless",
    "info",
    "withdrawn hold",
    "hold",
)
_CENTRE_STEPS = (*_CENTRE_STEPS, "update hold", "update resume", "update move", "update")
_CONSENTS = ("accept", "accept", "later", "off", "603", "486", "488", "491", "ignore", "steps", "steps 603")
_MANNERS = ("accept", "accept", "accept", "resume", "later", "later", "488", "500", "ignore")


def plain(rng: random.Random, spread_s: float) -> CallPlan:
    """A call that everybody wants: it rings, is answered, and somebody hangs up."""
    talk = TalkPlan(hang_up_s=rng.uniform(5, 60))
    caller = CallerPlan(rng.uniform(0, spread_s), rng.choice(tuple(Voice)), rng.choice(tuple(VideoLine)), talk=talk)
    return CallPlan(caller, (), True)


def plain_centre(rng: random.Random) -> CentrePlan:
    """A centre that rings for a moment and answers."""
    media = rng.random() < 0.3
    ring = Ring(rng.uniform(0, 0.1), 183 if media else 180, media)
    return CentrePlan((ring,), rng.uniform(0.5, 12), codec=rng.randrange(4))


def mixed(rng: random.Random, spread_s: float) -> CallPlan:
    """A call in which anything may happen."""
    ends = rng.random()
    cancel_s = rng.choice((rng.uniform(0, 0.3), rng.uniform(0, 15))) if ends < 0.12 else None
    vanish_s = rng.uniform(0, 40) if 0.12 <= ends < 0.15 else None
    talk = _talk(rng, _CALLER_STEPS, hangs_up=1.0)
    caller = CallerPlan(
        rng.uniform(0, spread_s),
        rng.choice(tuple(Voice)),
        rng.choice(tuple(VideoLine)),
        rng.random() > 0.05,
        rng.choice(("", "", "supported", "supported", "require")),
        60 if rng.random() < 0.02 else rng.choice((0, 0, 90, 120, 1800)),
        cancel_s,
        vanish_s,
        talk,
    )
    seats = tuple(_seat(rng) for _ in range(rng.choice((0, 0, 0, 1, 1, 2))))
    consents = tuple(rng.choice(_CONSENTS) for _ in range(3))
    caller = replace(caller, talk=replace(caller.talk, consents=consents))
    return CallPlan(caller, seats, False, _desk(rng), browsers(rng))


def mixed_centre(rng: random.Random) -> CentrePlan:
    """A centre that may do anything."""
    forks = rng.choice(("", "", "", "a b", "a b c")).split() or [""]
    rings = []
    for _ in range(rng.choice((0, 1, 1, 2, 3, 4))):
        media = rng.random() < 0.5
        status = rng.choice((180, 181, 182, 183)) if not media else 183
        delay_s, reliable = rng.choice((0.0, rng.uniform(0, 6))), rng.random() < 0.3
        rings.append(Ring(delay_s, status, media, rng.choice(forks), reliable))
    kind = rng.random()
    status, final_s = 200, rng.choice((0.0, rng.uniform(0, 2), rng.uniform(0, 30)))
    if kind < 0.15:
        status = rng.choice((486, 480, 404, 500, 503, 488, 408, 603, 302))
    elif kind < 0.18:
        final_s = None  # type: ignore[assignment]
    vanish_s = rng.uniform(0, 40) if rng.random() < 0.03 else None
    talk = _talk(rng, _CENTRE_STEPS, hangs_up=0.5)
    return CentrePlan(tuple(rings), final_s, status, rng.choice(forks), rng.randrange(4), vanish_s, talk)


def _talk(rng: random.Random, kinds: tuple[str, ...], hangs_up: float) -> TalkPlan:
    count = rng.choice((0, 0, 1, 2, 4, 8))
    length_s = rng.choice((0.2, 5.0, 60.0))
    # Whole and half seconds, so that both sides often do something at the very same time.
    times = sorted(
        rng.choice((rng.uniform(0, length_s), rng.randrange(int(length_s * 2) + 1) / 2)) for _ in range(count)
    )
    steps = tuple(Step(at, rng.choice(kinds)) for at in times)
    hang_up_s = None
    if rng.random() < hangs_up:
        last = times[-1] if times else 0.0
        hang_up_s = last + rng.choice((0.0, rng.uniform(0, 10), CALM_S, CALM_S, CALM_S, CALM_S))
        if rng.random() < 0.2:
            hang_up_s = float(rng.choice((1, 5, 30)))  # both at the same time, now and then
    manners = tuple(rng.choice(_MANNERS) for _ in range(5)) if rng.random() < 0.4 else ("accept",)
    return TalkPlan(steps, hang_up_s, rng.random() > 0.02, rng.random() < 0.5, manners)


def _desk(rng: random.Random) -> DeskPlan:
    """One that asks for video and drops it, at whole and half seconds now and then: so do the others."""
    times = sorted(rng.choice((rng.uniform(0, 60), rng.randrange(40) / 2)) for _ in range(rng.choice((0, 0, 1, 2, 5))))
    return DeskPlan(tuple(Step(at, rng.choice(("raise", "raise", "drop"))) for at in times))


def _seat(rng: random.Random) -> SeatPlan:
    by = rng.choice(("id", "id", "code", "number", "nobody"))
    return SeatPlan(rng.uniform(-5, 30), by, rng.uniform(0, 60), rng.random() < 0.3)
