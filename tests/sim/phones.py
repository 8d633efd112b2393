"""Phones that desks invite into simulated calls: who is called, what each does, and what must be true of their voices."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass

from splitter.calls.asks import Ask, Denial, InvitePhone, LeaveVoice, MuteVoice, RemovePhone, SetPhoneVideo
from splitter.calls.call import Call
from splitter.calls.states import Bridge, PhonePart, PhoneState
from splitter.core.net import Address
from splitter.sip.uri import user_of
from tests.sim.plans import Step
from tests.world import PeerCall, World

_STEPS = (
    "invite",
    "invite",
    "invite outside",
    "listen",
    "withdraw",
    "remove",
    "mute",
    "unmute",
    "mute caller",
    "leave",
    "invite with video",
    "raise",
    "drop",
)


@dataclass(frozen=True, slots=True)
class PhonesPlan:
    """What a desk does about phones, `at_s` after the answer each."""

    steps: tuple[Step, ...]


def phones(seed: int, number: int) -> PhonesPlan:
    """Draw what happens in one call; at whole and half seconds now and then: so do the others."""
    rng = random.Random(f"{seed} phones {number}")
    count = rng.choice((0, 2, 4, 8))
    times = sorted(rng.choice((rng.uniform(0, 60), rng.randrange(60) / 2)) for _ in range(count))
    first = tuple(Step(at, "invite") for at in times[:1])
    return PhonesPlan((*first, *(Step(at, rng.choice(_STEPS)) for at in times[1:])))


def is_phone(call: PeerCall) -> bool:
    """Whether a call that came to a peer is that of an invited phone."""
    return user_of(call.invite.uri).startswith(("8", "139555"))


async def phones_desk(world: World, caller: PeerCall, plan: PhonesPlan) -> None:
    """Ask for each step, whatever the answer to the one before was."""
    while caller.state == "early" and not caller.vanished:  # noqa: ASYNC110 - not told
        await asyncio.sleep(0.5)
    answered = world.now
    for called, step in enumerate(plan.steps):
        await asyncio.sleep(max(0.0, answered + step.at_s - world.now))
        if (live := world.find_call(caller)) is None:
            return
        with suppress(Denial):
            await live.ask(_ask(step.what, live, int(caller.number[3:]), called))


def _ask(what: str, live: Call, number: int, called: int) -> Ask:
    by, names = "a desk", [*live.talk.phones, *live.pending.calling]
    last = names[-1] if names else "phone-0"
    match what:
        case "invite outside":
            return InvitePhone(f"139555{number % 1000:03d}{called % 100:02d}", by)
        case "invite with video":
            return InvitePhone(f"139555{number % 1000:03d}{called % 100:02d}", by, video=True)
        case "raise" | "drop":
            return SetPhoneVideo(last, what == "raise", by)
        case "listen":
            return InvitePhone(f"8{(number * 7 + called) % 1000:03d}", by, PhonePart.LISTENS)
        case "withdraw" | "remove":
            return RemovePhone(last, by)
        case "mute" | "unmute":
            return MuteVoice(last, what == "mute", by)
        case "mute caller":
            return MuteVoice("caller", True, by)
        case "leave":
            return LeaveVoice(by)
        case _:
            return InvitePhone(f"8{(number * 7 + called) % 1000:03d}", by)


def mix_faults(world: World, live: Call) -> list[str]:
    """Why the voices of a mix are not connected; nothing where they are, or somebody is being asked something."""
    talk, relay = live.talk, world.engine.relay_of(live.talk.call_id)
    if talk.bridge is Bridge.PAIR:
        return []
    if any(phone.state is PhoneState.JOINING for phone in talk.phones.values()):
        return ["a phone has answered and is not connected"]
    if relay is None:
        return ["no relay is open"]
    faults = []
    for name in talk.voice.names:
        leg, number = live.live.voice(name), talk.voice.number(name)
        if leg is None:
            continue
        peer = _peer_call(world, leg.sip_call_id)
        if peer is None or peer.vanished:
            continue
        local, way, remote, ours = (
            peer.terminal.local("audio"),
            peer.terminal.way("audio"),
            None,
            relay.local.get(number),
        )
        remote = relay.remote[number] if number in relay.local else None
        if local is not None and (remote is None or remote.rtp != local):
            faults.append(f"{name} receives at {local}, the relay sends to {remote and remote.rtp}")
        if way is not None and (ours is None or way.target != Address(ours.host, ours.rtp_port)):
            faults.append(f"{name} sends to {way.target}, the relay receives at {ours}")
        if name in talk.muted and any(number in relay.hears(other) for other in relay.local):
            faults.append(f"{name} is muted, and heard")
    return faults


def _peer_call(world: World, sip_call_id: str) -> PeerCall | None:
    return next((peer.calls[sip_call_id] for peer in world.peers if sip_call_id in peer.calls), None)


def voices(world: World, live: Call) -> list[PeerCall]:
    """The peers of all voices of a call."""
    legs = (live.live.voice(name) for name in live.talk.voice.names)
    found = (_peer_call(world, leg.sip_call_id) for leg in legs if leg is not None)
    return [call for call in found if call is not None]
