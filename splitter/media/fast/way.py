"""What rooms and wires know of the short way, whichever form it has. Types only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from splitter.core.net import Address
from splitter.media.fast.state import Coming, Going, LaneNumbers
from splitter.rtp.cache import SentPackets
from splitter.rtp.packet import Buffer

OpenedHandler = Callable[[bytearray | memoryview, float], None]
"""Called with one packet that is decrypted already, and the time. The view is valid only during the call."""


@dataclass(slots=True, eq=False)
class CipherCounts:
    """What a cipher counts.

    Attributes:
        unauthentic: packets whose tag was wrong, or that were none.
        replayed: packets that had come before: sent twice on the way, or by somebody who listened.
        unprotected: packets of ours that could not be encrypted.
        reused: packets of ours that were refused because their number had been used; our own mistake.
    """

    unauthentic: int = 0
    replayed: int = 0
    unprotected: int = 0
    reused: int = 0


class Ciphered(Protocol):
    """Both directions of SRTP."""

    @property
    def counts(self) -> CipherCounts: ...


class PreparedStill(Protocol):
    """A still as packets' payloads.

    Attributes:
        interval_s: between two pictures.
        groups: two of them, which are played in turn; a picture is its payloads, in order.
    """

    @property
    def interval_s(self) -> float: ...

    @property
    def groups(self) -> tuple[tuple[tuple[bytes, ...], ...], ...]: ...


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

    def ride(self, port: Any, on_opened: OpenedHandler | None = None) -> None:
        """Let what comes by a port take the short way before it is handed out, if the form can do that.

        Args:
            on_opened: takes packets that were decrypted for the short way, and cannot take it.
        """
        ...

    def leave(self, port: Any) -> None:
        """Let all that comes by a port be handed out again."""
        ...

    def admit(self, source: Address) -> None:
        """Say that the wire believes packets of this source at sight."""
        ...

    def doubt(self) -> None:
        """Say that the wire has to look at the source of the next packet."""
        ...

    def encrypt(self, cipher: Ciphered | None) -> None:
        """Say that the wire encrypts, by this; None: once there are keys."""
        ...

    def keep(self, copies: SentPackets | None) -> None:
        """Say where copies of what goes are kept, if any are."""
        ...

    def reach(self, line: Any, peer: Address | None) -> None:
        """Say by which short cut packets come from and go to `peer`; None: by none."""
        ...

    def reaches(self, to: Address) -> bool:
        """Whether there is a short cut to this address."""
        ...

    def aim(self, to: Address) -> None:
        """Say where packets go."""
        ...

    def show(self, still: PreparedStill | None, block: bytes, dispatch: Callable[[int, bytes], None]) -> None:
        """Say which still is played from now on, if any.

        Args:
            block: the header extension of the packet that ends a key frame; empty: there is none.
            dispatch: encrypts, keeps and sends a packet that is counted already.
        """
        ...

    def plays(self) -> bool:
        """Whether the form plays the still by a clock of its own, as things are."""
        ...

    def play(self, now: float) -> bool:
        """Play the still's next picture now. Returns: whether the form could; else Python does."""
        ...

    def schedule(self) -> None:
        """Let the form look when the still's next picture is due: that, or whether it may play, has changed."""
        ...

    def close(self) -> None:
        """Hold nobody any longer."""
        ...


class ShortLane(Protocol):
    """One port of a relay, where a form deals with its packets: they leave by another one as they came.

    Attributes:
        numbers: of what it takes in.
    """

    numbers: LaneNumbers

    def touch(self) -> None:
        """Let nothing leave by it, nor what it takes in by another one, before somebody has looked again."""
        ...

    def settle(self, source: Address, onward: ShortLane, destination: Address) -> None:
        """Let what comes from `source` leave to `destination` by another one, as long as nothing changes."""
        ...

    def samples(self) -> Sequence[tuple[bytes, int, float]]:
        """Take the packets that were sampled since the last time: the header, the count up to it, its arrival."""
        ...

    def ride(self, port: Any) -> None:
        """Take in what comes by this port."""
        ...

    def close(self) -> None:
        """Hold nobody any longer."""
        ...


class Rider(Protocol):
    """Whatever deals with the packets of a short cut.

    Attributes:
        coming, lane: the record of a room's participant, or of a port of a relay; None for the other.
    """

    @property
    def coming(self) -> Coming | None: ...

    @property
    def lane(self) -> Any: ...

    def reach(self, line: Any, peer: Address | None) -> None:
        """Know by which short cut packets come from and go to `peer`; None: by none."""
        ...


DONE, READABLE, RAW, OPENED = range(4)
"""What `ShortCuts.next` says: the turn is over; a socket that is no short cut can be read; a packet is for Python, as
it came, or decrypted. As in native/layout.h."""


class ShortCuts(Protocol):
    """Reader of the sockets of short cuts."""

    @property
    def told(self) -> Any: ...

    @property
    def packet(self) -> memoryview: ...

    def line(self) -> Any: ...

    def tie(self, line: Any, fd: int, rider: Rider | None) -> None: ...

    def watch(self, fd: int, line: Any) -> None: ...

    def forget(self, fd: int) -> None: ...

    def begin(self, rounds: int) -> int: ...

    def drain(self, fd: int) -> int: ...

    def wait(self, others_fd: int, timeout_s: float) -> int:
        """Wait for packets until one is for Python, or a time is over, or another file can be read.

        Args:
            others_fd: that file, which is watched as well.
            timeout_s: negative: there is no limit.
        """
        ...

    @property
    def busy(self) -> bool: ...

    def next(self) -> int: ...

    def close(self) -> None: ...


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

    def lane(self) -> ShortLane | None:
        """Make one port of a relay; None: Python deals with its packets."""
        ...

    def copies(self) -> SentPackets:
        """Make room for copies of what is sent."""
        ...

    def cipher(self, incoming: int, outgoing: int) -> CipherCounts:
        """Make what a cipher counts, of libsrtp's sessions at these addresses."""
        ...

    def engine(self, epoll_fd: int) -> ShortCuts | None:
        """Make a reader of short cuts; None: Python reads them."""
        ...
