"""What rooms and wires know of the short way, whichever form it has. Types only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from splitter.core.net import Address
from splitter.media.fast.state import Coming, Going
from splitter.rtp.cache import SentPackets
from splitter.rtp.packet import Buffer


class Outlet(Protocol):
    """Somebody who is shown a stream.

    Attributes:
        way: of the one who is shown it. to: where it goes.
    """

    @property
    def way(self) -> ShortWay: ...

    @property
    def to(self) -> Address: ...

    def dispatch(self, sequence: int, packet: bytes) -> None:
        """Encrypt, keep and send a packet that is counted already."""
        ...


class ShortWay(Protocol):
    """One participant's ends of short ways: where its packets begin theirs, and where those of others end.

    Attributes:
        coming, going: its numbers.
    """

    coming: Coming
    going: Going

    def touch(self) -> None:
        """Let nothing take the short way, from it or to it, before somebody has looked again."""
        ...

    def settle(self, outlets: Sequence[Outlet]) -> None:
        """Let its next packets take the short way to these, as long as nothing changes."""
        ...

    def unsettle(self) -> None:
        """Let its next packet take the long way."""
        ...

    def take(self, data: Buffer, now: float) -> bool:
        """Deal with a packet, if it is the one expected and nothing has changed. Returns: whether that was so."""
        ...

    def close(self) -> None:
        """Hold nobody any longer."""
        ...


class Form(Protocol):
    """A form of the short way.

    Attributes:
        name: "native" or "python".
        reason: why it is not another one; "" where it is the best there is.
    """

    name: str
    reason: str

    def way(self) -> ShortWay:
        """Make the ends of a participant."""
        ...

    def copies(self) -> SentPackets:
        """Make room for copies of what is sent."""
        ...
