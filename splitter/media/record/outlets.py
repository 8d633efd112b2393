"""Where taps put their copies: one line, or several that take the same. Pure."""

from __future__ import annotations

from typing import Protocol

from splitter.media.record.batch import Described, Kind
from splitter.rtp.packet import Buffer


class TapStream(Protocol):
    """One stream on its way to whoever takes copies."""

    def put(self, kind: Kind, at: float, *parts: Buffer) -> None:
        """Pass on a copy."""
        ...

    def fail(self) -> None:
        """A fault of a tap: the packet that it was about is not copied, and goes on its way."""
        ...

    def change(self, described: Described) -> None:
        """Say that it is something else from now on."""
        ...

    def close(self) -> None:
        """Nothing more comes of it."""
        ...


class TapOutlet(Protocol):
    """A way to whoever takes copies."""

    def open(self, described: Described) -> TapStream:
        """Begin a stream."""
        ...


class SplitOutlet:
    """Several outlets that all get the same; each of them drops for itself."""

    def __init__(self, outlets: tuple[TapOutlet, ...]) -> None:
        self._outlets = outlets

    def open(self, described: Described) -> TapStream:
        """Begin a stream in all of them."""
        return SplitStream(tuple(outlet.open(described) for outlet in self._outlets))


class SplitStream:
    """One stream that goes to several."""

    __slots__ = ("_streams",)

    def __init__(self, streams: tuple[TapStream, ...]) -> None:
        self._streams = streams

    def put(self, kind: Kind, at: float, *parts: Buffer) -> None:
        """Pass on a copy to each."""
        for stream in self._streams:
            stream.put(kind, at, *parts)

    def fail(self) -> None:
        """Count a fault for each."""
        for stream in self._streams:
            stream.fail()

    def change(self, described: Described) -> None:
        """Say to each that it is something else."""
        for stream in self._streams:
            stream.change(described)

    def close(self) -> None:
        """End it for each."""
        for stream in self._streams:
            stream.close()
