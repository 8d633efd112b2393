"""What calls ask of an engine for their voice. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import MediaListener
from splitter.rtp.telephone_event import Digit


class Capability(StrEnum):
    """What not every engine can do.

    Attributes:
        DIGITS: let a side hear a digit (RFC 4733).
        QUALITY: say what was lost and how much the packets jitter.
        MIX: connect more than two sides.
        RESTORE: open a relay again where it was.
    """

    DIGITS = "digits"
    QUALITY = "quality"
    MIX = "mix"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class SideSpec:
    """A side to be opened.

    Attributes:
        name: what events call it: "caller", "centre".
        network: where its ports are.
    """

    name: str
    network: str


@dataclass(frozen=True, slots=True)
class RelayHandle:
    """An open relay. `local`: our ports towards each side."""

    relay_id: str
    call_id: str
    local: tuple[LocalEnd, ...]


@dataclass(frozen=True, slots=True)
class CarriedRelay:
    """An open relay as its engine has it. `remotes`: where each side was last pointed; None is nowhere."""

    handle: RelayHandle
    remotes: tuple[RemoteEnd | None, ...]


@dataclass(frozen=True, slots=True)
class RelayReport:
    """What a relay carried, side by side."""

    relay_id: str
    sides: tuple[StreamCount, ...]


class VoiceEngine(Protocol):
    """The voice of calls; see the package for what holds of every request."""

    @property
    def can(self) -> frozenset[Capability]:
        """Capabilities beyond relaying."""
        ...

    def can_on(self, relay: RelayHandle) -> frozenset[Capability]:
        """Say what it can do with this relay: less than `can` where it stands for several engines."""
        ...

    async def open(self, call_id: str, sides: tuple[SideSpec, ...], on_event: MediaListener) -> RelayHandle:
        """Bind a pair of ports, RTP and RTCP, for each side.

        Raises MediaUnavailable for any number of sides but two where the engine cannot MIX.
        """
        ...

    async def adopt(self, relay: RelayHandle, on_event: MediaListener) -> CarriedRelay:
        """Take up a relay that was opened by a gateway before this one; see `survivors`. No packet of it is lost.

        Returns: what is in force; its handle equals the one given.
        """
        ...

    async def restore(self, relay: CarriedRelay, sides: tuple[SideSpec, ...], on_event: MediaListener) -> None:
        """Open a relay again whose worker is gone, as it was: the same ports, pointed to the same peers.

        Where each peer really sends from is learned anew, by the rules of `point`.

        Args:
            sides: as it was opened with.
        Raises:
            MediaUnavailable: it is open, its ports or addresses are not to be had, or the engine cannot RESTORE.
        """
        ...

    async def point(self, relay: RelayHandle, side: int, remote: RemoteEnd | None) -> None:
        """Say where a side sends and receives; None stops sending there. Restarts the latching window.

        The same again: its port may be learned anew, and what is in force goes on meanwhile.
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
