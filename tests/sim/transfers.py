"""Transfers by REFER in simulated calls: whoever is the centre at that moment hands the caller on, and may hang up."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from tests.sim.plans import Step
from tests.world import PeerCall, World

_STEPS = (
    "refer",
    "refer",
    "refer",
    "refer and hang up",
    "refer silently",
    "refer outside",
    "refer on hold",
    "attended",
)
_ATTENDED = "?Replaces=consult%40pbx%3Bto-tag%3Da%3Bfrom-tag%3Db"


@dataclass(frozen=True, slots=True)
class TransfersPlan:
    """What the centre asks for, `at_s` after the answer each; `hang_up_s`: so long after a REFER, where it hangs up."""

    steps: tuple[Step, ...]
    hang_up_s: tuple[float, ...]


def transfers(seed: int, number: int) -> TransfersPlan:
    """Draw what happens in one call; at whole and half seconds now and then: so do the others."""
    rng = random.Random(f"{seed} transfers {number}")
    times = sorted(rng.choice((rng.uniform(0, 60), rng.randrange(60) / 2)) for _ in range(rng.choice((0, 1, 2, 4))))
    steps = tuple(Step(at, rng.choice(_STEPS)) for at in times)
    return TransfersPlan(steps, tuple(rng.choice((0.0, 0.05, 2.0)) for _ in steps))


async def transferring_centre(world: World, caller: PeerCall, plan: TransfersPlan, number: int) -> None:
    """Send each REFER, whatever came of the one before."""
    while caller.state == "early" and not caller.vanished:  # noqa: ASYNC110 - not told
        await asyncio.sleep(0.5)
    answered = world.now
    for count, (step, hang_up_s) in enumerate(zip(plan.steps, plan.hang_up_s, strict=True)):
        await asyncio.sleep(max(0.0, answered + step.at_s - world.now))
        if world.find_call(caller) is None:
            return
        centre = world.centre_of(caller)
        if centre is None or centre.state != "confirmed" or centre.vanished:
            continue
        if step.what == "refer on hold" and centre.settled:
            centre.reinvite(audio="sendonly")
        to = "13955500000" if step.what == "refer outside" else f"8{(number * 13 + count) % 1000:03d}"
        more = [("Refer-Sub", "false")] if step.what == "refer silently" else []
        replaces = _ATTENDED if step.what == "attended" else ""
        centre.request("REFER", [("Refer-To", f"<sip:{to}@10.2.0.5{replaces}>"), *more])
        if step.what == "refer and hang up":
            await asyncio.sleep(hang_up_s)
            centre.bye()
