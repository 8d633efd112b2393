"""Judges whether voice is connected: by what the peers believe, and by where the relay points."""

from __future__ import annotations

from collections.abc import Sequence

from splitter.core.net import Address
from splitter.sdp.model import Media, Session
from splitter.sdp.srtp import read_cryptos
from tests.world.peer import PeerCall
from tests.world.relays import Relay
from tests.world.terminal import Terminal


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


def agreed_keys(terminal: Terminal, kind: str = "audio") -> tuple[bytes, bytes] | None:
    """The keys of a stream as a peer has them: its own, and ours; None where its packets are plain."""
    for mine, other in zip(_lines(terminal.ours), _lines(terminal.theirs), strict=False):
        if mine.kind == kind and mine.port and other.port and mine.has("crypto"):
            [own] = read_cryptos(mine.get_all("crypto"))
            ours = [
                one.key for one in read_cryptos(other.get_all("crypto")) if (one.tag, one.suite) == (own.tag, own.suite)
            ]
            return own.key, ours[0] if ours else b""
    return None


def _lines(session: Session | None) -> tuple[Media, ...]:
    return session.media if session is not None else ()


def _side_faults(call: PeerCall, relay: Relay, side: int) -> list[str]:
    faults = []
    local, way, remote = call.terminal.local("audio"), call.terminal.way("audio"), relay.remote[side]
    ours = relay.local[side]
    if local is not None and (remote is None or remote.rtp != local):
        faults.append(f"{call.peer.name} receives at {local}, the relay sends to {remote and remote.rtp}")
    if way is not None and way.target != Address(ours.host, ours.rtp_port):
        faults.append(f"{call.peer.name} sends to {way.target}, the relay receives at {ours.host}:{ours.rtp_port}")
    keys = remote.keys if remote is not None else None
    held = (keys.theirs, keys.ours) if keys is not None else None
    if way is not None and remote is not None and held != agreed_keys(call.terminal):
        faults.append(f"{call.peer.name} and the relay have different keys")
    return faults


def _does(yes: bool, verb: str) -> str:
    return verb if yes else f"does not {verb[:-1]}"
