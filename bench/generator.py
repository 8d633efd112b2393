"""A play of far ends, sent and taken in C. Does I/O on loopback.

In Python it would be late long before the worker has a core's work, and what comes late comes in bursts.
"""

from __future__ import annotations

import re
import select
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cffi import FFI

from splitter.media.fast.build import compiler

FOR_PYTHON = 1  # why the library gives control back
OTHER, TO_DESK, TO_PHONE, VOICE = -1, 0, 1, 2
"""Kinds of packets that come to a socket: of no interest, encrypted video, plain video, voice."""

_SOURCE = Path(__file__).with_name("generator.c")
_FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra")
_DEPARTURE = struct.Struct("=ddIiHHI")  # struct departure
_SENT_AT = 8
_SAMPLES, _KEPT_BYTES = 100_000, 64 << 20
_DRAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Departure:
    """One packet that is to leave: when, from which socket, to which port, and itself."""

    at: float
    fd: int
    port: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet that came and is looked into.

    Attributes:
        number: of the departure. sealed: what the number stands in, where the packet is encrypted.
    """

    kind: int
    fd: int
    at: float
    number: int
    sealed: bytes


class Play:
    """One play, from its plan to what came of it.

    Args:
        plan: in the order of time.
        kinds: what comes to each socket, by descriptor. poll: has all of them.
        mark: before the number of the packet, at the end of each that is looked into.
        aside: takes a datagram of ICE: the socket, the port that it came from, itself.
    """

    def __init__(
        self,
        plan: list[Departure],
        kinds: Mapping[int, int],
        poll: select.epoll,
        mark: int,
        aside: Callable[[int, int, bytes], None],
    ) -> None:
        ffi, self._lib = _library()
        self._ffi, self._aside = ffi, aside
        self._plan = bytearray()
        offset = 0
        for one in plan:
            self._plan += _DEPARTURE.pack(one.at, 0.0, offset, one.fd, len(one.packet), one.port, 0)
            offset += len(one.packet)
        by_fd = ffi.new("int8_t[]", max(kinds) + 1)
        for fd, kind in kinds.items():
            by_fd[fd] = kind
        self._samples = ffi.new("struct sample[]", _SAMPLES)
        self._kept = ffi.new("uint8_t[]", _KEPT_BYTES)
        packets = b"".join(one.packet for one in plan)
        self._held = packets, by_fd, ffi.from_buffer("struct departure[]", self._plan), ffi.from_buffer(packets)
        self.state: Any = ffi.new("struct play *")
        self.state.plan, self.state.packets, self.state.kinds = self._held[2], self._held[3], by_fd
        self.state.count, self.state.mark, self.state.epoll = len(plan), mark, poll.fileno()
        self.state.samples, self.state.samples_room = self._samples, _SAMPLES
        self.state.kept, self.state.kept_room = self._kept, _KEPT_BYTES

    def run(self, begin: float, until: float) -> None:
        """Send what is planned before `until`; `begin`: the wall clock's time of the plan's beginning, at first."""
        if not self.state.next:
            self.state.begin = begin
        self.state.pause_at = until
        while self._lib.play_on(self.state) == FOR_PYTHON:
            self._hand_aside()

    def drain(self) -> None:
        """Take what is still under way, until none of it has come for a while; reports go on for ever."""
        count, until = sum(self.state.delivered), time.monotonic() + _DRAIN_S
        while (left_s := until - time.monotonic()) > 0:
            if self._lib.play_take(self.state, left_s) == FOR_PYTHON:
                self._hand_aside()
            if sum(self.state.delivered) != count:
                count, until = sum(self.state.delivered), time.monotonic() + _DRAIN_S

    def _hand_aside(self) -> None:
        state = self.state
        self._aside(state.fd, state.port, bytes(self._ffi.buffer(state.data, state.size)))

    def forget(self) -> None:
        """Count from now on: what came before was to warm up."""
        self.state.delivered = [0, 0, 0]
        self.state.sampled = self.state.kept_size = 0
        self.state.late = 0.0

    def sent_at(self, number: int) -> float:
        """When this packet of the plan left; 0 where that is not known to a tenth of a millisecond."""
        (at,) = struct.unpack_from("=d", self._plan, number * _DEPARTURE.size + _SENT_AT)
        return float(at)

    def arrivals(self) -> Iterator[Arrival]:
        """The packets that are looked into, in the order in which they came."""
        for one in self._samples[0 : self.state.sampled]:
            begin = one.number
            sealed = bytes(self._ffi.buffer(self._kept)[begin : begin + one.size]) if one.kind == TO_DESK else b""
            yield Arrival(one.kind, one.fd, one.arrived, begin, sealed)


@cache
def _library() -> tuple[FFI, Any]:
    """Compile it once in a process."""
    ffi = FFI()
    text = _SOURCE.read_text()
    structs = re.search(r"^struct departure.*?(?=^static)", text, re.M | re.S)
    size = re.search(r"^#define BYTES \d+$", text, re.M)
    assert structs is not None and size is not None
    ffi.cdef(f"{size[0]}\n{structs[0]}\nint play_take(struct play *, double);\nint play_on(struct play *);")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        target = Path(folder) / "generator.so"
        subprocess.run([*compiler(), *_FLAGS, "-o", str(target), str(_SOURCE)], check=True)
        return ffi, ffi.dlopen(str(target))
