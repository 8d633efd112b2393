"""Judges whether voice is connected: by what the peers believe, and by where the relay points."""

from __future__ import annotations

from collections.abc import Sequence

from splitter.core.net import Address
from tests.world.peer import PeerCall
from tests.world.relays import Relay


def voice_faults(caller: PeerCall, centre: PeerCall, relay: Relay | None, numbers: Sequence[int] = (0, 1)) -> list[str]:
    """Why the two cannot hear each other as they agreed to; nothing where they can. `numbers`: of their sides."""
    if relay is None:
        return ["no relay is open"]
    faults = []
    for side, call in zip(numbers, (caller, centre), strict=True):
        faults += _side_faults(call, relay, side)
    mine, theirs = caller.terminal.way("audio"), centre.terminal.way("audio")
    if mine is None or theirs is None:
        return [*faults, f"audio is off: caller {mine}, centre {theirs}"]
    if mine.sends != theirs.receives:
        faults.append(f"the caller {_does(mine.sends, 'sends')}, the centre {_does(theirs.receives, 'receives')}")
    if mine.receives != theirs.sends:
        faults.append(f"the centre {_does(theirs.sends, 'sends')}, the caller {_does(mine.receives, 'receives')}")
    return faults


def _side_faults(call: PeerCall, relay: Relay, side: int) -> list[str]:
    faults = []
    local, way, remote = call.terminal.local("audio"), call.terminal.way("audio"), relay.remote[side]
    ours = relay.local[side]
    if local is not None and (remote is None or remote.rtp != local):
        faults.append(f"{call.peer.name} receives at {local}, the relay sends to {remote and remote.rtp}")
    if way is not None and way.target != Address(ours.host, ours.rtp_port):
        faults.append(f"{call.peer.name} sends to {way.target}, the relay receives at {ours.host}:{ours.rtp_port}")
    return faults


def _does(yes: bool, verb: str) -> str:
    return verb if yes else f"does not {verb[:-1]}"
