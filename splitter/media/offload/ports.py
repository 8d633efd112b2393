"""What a relay asks of the kernel, and what it is answered. Types only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from splitter.core.errors import MediaUnavailable
from splitter.core.net import Address


class OffloadRefused(MediaUnavailable):
    """A flow that the kernel cannot have."""


class OffloadFull(OffloadRefused):
    """A flow that the kernel has no room for, which there should always be."""


class OffloadPending(MediaUnavailable):
    """A flow that the kernel can have in a moment: ask again."""


class OffloadLost(MediaUnavailable):
    """A flow that the kernel has no longer, or can no longer send on; it is to be given back."""


@dataclass(frozen=True, slots=True)
class VoiceFlow:
    """One direction of a voice.

    Attributes:
        source, local: where its packets come from and where they arrive.
        out, destination: our port that they leave by, and where they go.
    """

    source: Address
    local: Address
    out: Address
    destination: Address


@dataclass(frozen=True, slots=True)
class FlowSample:
    """The header of one packet in SAMPLE.

    Attributes:
        header: the first 12 bytes of RTP.
        packets: that were taken since the ticket was last read, up to and with this one.
        at: its arrival, in seconds of the monotonic clock.
    """

    header: bytes
    packets: int
    at: float


@dataclass(frozen=True, slots=True)
class FlowCount:
    """What the kernel took of a flow since the ticket was last read.

    Attributes:
        size_bytes: of RTP, headers included.
        samples: in the order of arrival.
        last_at: when the last packet came, in seconds of the monotonic clock; 0 where none has come yet.
    """

    packets: int = 0
    size_bytes: int = 0
    samples: tuple[FlowSample, ...] = ()
    last_at: float = 0.0


class Ticket(Protocol):
    """A flow that the kernel has."""

    def check(self) -> object:
        """Raise OffloadLost where the kernel cannot send it on any more; cheaper than to read it."""
        ...

    def read(self) -> FlowCount:
        """Say what it took since the last time. Raises OffloadLost where it has the flow no longer."""
        ...

    def give_back(self) -> FlowCount:
        """End it: packets come to the port again. Returns: the rest of what it took. Again is no error."""
        ...


class Offload(Protocol):
    """The kernel as a worker has it."""

    def engage(self, flow: VoiceFlow) -> Ticket:
        """Have the kernel take a flow.

        Raises:
            OffloadRefused: it cannot; the reason in plain words.
            OffloadPending: not yet.
        """
        ...
