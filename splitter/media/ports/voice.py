"""What calls ask of an engine for their voice. Pure.

A relay has two sides when it is opened, as a rule, and may get more (`add_side`). It works in one of two ways, and
goes over from one to the other by itself, without a change of ports that anybody would notice:

    copies   two sides that are pointed and hear each other: every packet goes through as it came
    mixes    three sides or more that are pointed, or two of which one does not hear the other, or two that speak
             different formats after it was a mix: each side hears the sum of those whom it is to hear, and not itself

*Numbers.* A side is named by its number: 0 and 1 are the first two, further ones count up. A number is never given
again in the life of a relay, so that nothing that comes late can meet another party.

*Formats.* A mix must know what each side speaks: `RemoteEnd.voice`. Point every side with it from the beginning; then
nothing has to be pointed again when a third party comes. `VoiceEngine.can_mix` says beforehand whether a format will
do; a side whose format will not is to be asked for G.711 (re-INVITE) before the third one is pointed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from splitter.core.frozen import frozen
from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import MediaListener
from splitter.rtp.telephone_event import Digit
from splitter.sdp.voice import VoiceFormat

SIDES_LIMIT = 16
"""How many sides a relay may have at a time."""

SILENCE_DB = -127
"""The level of silence (RFC 6464 §3), in dBov: 0 is the loudest that there is."""


class Capability(StrEnum):
    """What not every engine can do.

    Attributes:
        DIGITS: let a side hear a digit (RFC 4733).
        QUALITY: say what was lost and how much the packets jitter.
        MIX: connect more than two sides, or two that may not hear each other freely.
        RESTORE: open a relay again where it was.
        SRTP: encrypt and decrypt what a side sends and gets (`RemoteEnd.keys`).
    """

    DIGITS = "digits"
    QUALITY = "quality"
    MIX = "mix"
    RESTORE = "restore"
    SRTP = "srtp"


@frozen
class SideSpec:
    """A side to be opened.

    Attributes:
        name: what events call it: "caller", "centre"; no two sides of a relay have the same.
        network: where its ports are.
    """

    name: str
    network: str


@frozen
class RelayHandle:
    """An open relay. `local`: our ports towards each of the sides it was opened with. It stays as it is for ever."""

    relay_id: str
    call_id: str
    local: tuple[LocalEnd, ...]


@frozen
class SideHandle:
    """A side that was added. `number`: what requests call it."""

    number: int
    spec: SideSpec
    local: LocalEnd


@frozen
class Hears:
    """What a side of a mix hears.

    Attributes:
        side: whose ear this is.
        voices: the sides that it hears; a side that is added later is not among them until that is said.
        digits: the sides whose keys (RFC 4733) it gets; None for the rule that holds where nothing is said.
    """

    side: int
    voices: frozenset[int]
    digits: frozenset[int] | None = None


Hearing = tuple[Hears, ...]
"""Who hears whom, at most one entry for a side. A side without one hears all others.

Digits, where nothing is said: side 1, which faces the centre and its IVR, gets those of everybody; side 0 gets those of
side 1; others get none. As long as a relay copies they go through with all the rest.

Examples, with the caller 0, the agent 1 and a supervisor 2:
    muted caller             Hears(1, {2}), Hears(2, {1})
    listens only             Hears(0, {1}), Hears(1, {0})
    whispers to the agent    Hears(0, {1}), Hears(1, {0, 2})
"""


@frozen
class CarriedRelay:
    """An open relay as its engine has it.

    Attributes:
        remotes: by number, where each side was last pointed; None is nowhere, or a side that was removed. It is as long
            as numbers have been given.
        added: the sides that were added and are there.
        removed: the numbers of those that are not there any more.
        hearing: as it was last set, in the order of sides, without those that are not there.
    """

    handle: RelayHandle
    remotes: tuple[RemoteEnd | None, ...]
    added: tuple[SideHandle, ...] = ()
    removed: frozenset[int] = frozenset()
    hearing: Hearing = ()


@frozen
class MixedSide:
    """How a side does in a mix.

    Attributes:
        level_db: how loud it was of late (dBov, see SILENCE_DB).
        delay_ms: how long its packets wait in our jitter buffer, -1 while nothing comes.
        concealed: pieces of 20 ms that were made up for want of a packet.
        discarded: packets that came too late, or could not be understood.
    """

    level_db: float = float(SILENCE_DB)
    delay_ms: float = -1.0
    concealed: int = 0
    discarded: int = 0


@frozen
class RelayReport:
    """What a relay carried, by number; a side that was removed keeps its last counters.

    Attributes:
        mixed: how each does in the mix; empty while the relay copies.
    """

    relay_id: str
    sides: tuple[StreamCount, ...]
    mixed: tuple[MixedSide, ...] = ()


class VoiceEngine(Protocol):
    """The voice of calls; see the package for what holds of every request."""

    @property
    def can(self) -> frozenset[Capability]:
        """Capabilities beyond relaying."""
        ...

    def can_on(self, relay: RelayHandle) -> frozenset[Capability]:
        """Say what it can do with this relay: less than `can` where it stands for several engines."""
        ...

    def can_mix(self, format: VoiceFormat) -> bool:
        """Say whether a side that speaks this can be in a mix. False for all where it cannot MIX."""
        ...

    async def open(
        self,
        call_id: str,
        sides: tuple[SideSpec, ...],
        on_event: MediaListener,
        needs: frozenset[Capability] = frozenset(),
    ) -> RelayHandle:
        """Bind a pair of ports, RTP and RTCP, for each side.

        Args:
            needs: what the relay must be able to do; of several engines one that can is taken. A call whose relay
                cannot MIX (`can_on`) asks for another one so, and offers its ports to both sides.
        Raises:
            MediaUnavailable: any number of sides but two where the engine cannot MIX, and fewer than two or more than
                SIDES_LIMIT where it can; or nothing has what it needs.
        """
        ...

    async def add_side(self, relay: RelayHandle, spec: SideSpec) -> SideHandle:
        """Bind a pair of ports for one side more. Nothing changes for the others before it is pointed.

        Whoever gives up waiting has not got it: the ports are given back, and the number is gone.

        Raises:
            MediaUnavailable: the relay's engine cannot MIX (`can_on`), SIDES_LIMIT are there, one of them has this
                name, or no ports.
        """
        ...

    async def remove_side(self, relay: RelayHandle, side: int) -> StreamCount | None:
        """Close a side, be it one of the first or added; its ports go into quarantine. Who is left goes on.

        Returns: its last counters; None where it is not there, or the engine does not answer. It takes effect all
            the same.
        """
        ...

    async def set_hearing(self, relay: RelayHandle, hearing: Hearing) -> None:
        """Say who hears whom, in place of all that was said before; () for everybody hears everybody.

        Sides that are not there are passed over. A relay of two sides that copies begins to mix where one of them is
        not to hear the other.

        Raises:
            MediaUnavailable: the engine cannot MIX, or it would have to mix what it cannot (see `point`); nothing is
                changed then.
        """
        ...

    async def adopt(self, relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
        """Take up a relay that was opened by a gateway before this one; see `survivors`. No packet of it is lost.

        Returns: what is in force; its handle equals the one given. Sides that the call does not know were added just
        before the end and are to be removed.
        """
        ...

    async def restore(self, relay: CarriedRelay, sides: tuple[SideSpec, ...], on_event: MediaListener) -> None:
        """Open a relay again whose worker is gone, as it was: the same ports, pointed to the same peers, mixed alike.

        Where each peer really sends from is learned anew, by the rules of `point`.

        Args:
            sides: as it was opened with; what was added is named in `relay`.
        Raises:
            MediaUnavailable: it is open, its ports or addresses are not to be had, or the engine cannot RESTORE.
        """
        ...

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        """Say where a side sends and receives; None stops sending there. Restarts the latching window.

        The same again: its port may be learned anew, and what is in force goes on meanwhile.

        Raises:
            MediaUnavailable: there is no such side, nothing can be sent there, or the relay would have to mix a side
                whose format is unknown or cannot be mixed; nothing is changed then.
        """
        ...

    async def send_digit(self, relay: RelayHandle, side: int, digit: Digit) -> None:
        """Let a side hear a digit, in the voice that it gets (RFC 4733). Returns before it is over."""
        ...

    async def report(self, relay: RelayHandle) -> RelayReport | None:
        """The counters now."""
        ...

    async def close(self, relay: RelayHandle) -> RelayReport | None:
        """Close the relay; its ports go into quarantine. None also where the engine does not answer."""
        ...
