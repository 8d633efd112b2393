"""The short way in C: the library of native/*.c, loaded at run time, in whose memory the numbers lie. Does I/O.

It knows nothing of Python and is linked to nothing but libc: libsrtp's functions are given to it by their addresses in
the binding that is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

from cffi import FFI
from pylibsrtp import _binding as srtp

from splitter.core.net import Address
from splitter.media.fast.build import FOLDER, LIBRARY, digest
from splitter.media.fast.native_lane import NativeLane
from splitter.media.fast.native_still import BLOCK_LIMIT, NativeStill, NativeStills
from splitter.media.fast.state import OUTLETS, PACKET_LIMIT, Coming, Going, Playing
from splitter.media.fast.way import CipherCounts, Ciphered, OpenedHandler, Outlet, PreparedStill, Rider
from splitter.rtp.cache import SentPackets
from splitter.rtp.packet import HEADER_SIZE, Buffer


class NativeCopies(SentPackets):
    """Copies in the library's memory. As `SentPackets`."""

    __slots__ = ("_form", "record")

    def __init__(self, form: NativeForm) -> None:
        self._form = form
        self.record = form.ffi.gc(form.lib.fast_copies_new(), form.lib.fast_copies_free)
        if not self.record:
            raise MemoryError

    def store(self, sequence: int, packet: bytes) -> None:
        self._form.lib.fast_copies_store(self.record, sequence, packet, len(packet))

    def find(self, sequence: int) -> bytes | None:
        size = self._form.ffi.new("int *")
        found = self._form.lib.fast_copies_find(self.record, sequence, size)
        return bytes(self._form.ffi.buffer(found, size[0])) if found else None

    def rotate(self) -> None:
        self._form.lib.fast_copies_rotate(self.record)

    def __len__(self) -> int:
        return int(self._form.lib.fast_copies_count(self.record))


class NativeWay:
    """One participant's ends of short ways. As `ShortWay`.

    What the records point to lives as long as the pointers, and so is held here.
    """

    lane = None
    __slots__ = (
        "_cipher",
        "_copies",
        "_dispatch",
        "_dispatch_still",
        "_engine",
        "_form",
        "_heads",
        "_held",
        "_line",
        "_peer",
        "_still",
        "_to",
        "coming",
        "going",
    )

    def __init__(self, form: NativeForm) -> None:
        self._form = form
        self.coming, self.going = form.coming(), form.going()
        self._heads = form.ffi.new("struct heads *")
        self._dispatch: list[Callable[[int, bytes], None]] = []
        self._held: list[Going] = []
        self._cipher: Ciphered | None = None
        self._copies: SentPackets | None = None
        self._line: Any = None
        self._peer: Address | None = None
        self._to: Address | None = None
        self._engine: NativeEngine | None = None  # of the line
        self._still: NativeStill | None = None
        self._dispatch_still: Callable[[int, bytes], None] = _nowhere

    def touch(self) -> None:
        self.coming.generation += 1
        self.going.generation += 1

    def settle(self, outlets: Sequence[Outlet]) -> None:
        if len(outlets) > OUTLETS:
            return
        coming: Any = self.coming
        coming.native = True
        for place, one in zip(coming.outlets, outlets, strict=False):
            place.going, place.generation = one.way.going, one.way.going.generation
            coming.native = coming.native and one.way.reaches(one.to)
        coming.count = len(outlets)
        self._held = [one.way.going for one in outlets]
        self._dispatch = [one.dispatch for one in outlets]
        coming.settled = coming.generation

    def unsettle(self) -> None:
        self.coming.settled = 0

    def take(self, data: Buffer, now: float) -> bool:
        heads, ffi = self._heads, self._form.ffi
        if not self._form.lib.fast_take(self.coming, ffi.from_buffer("uint8_t[]", data), len(data), now, heads):
            return False
        payload = data[HEADER_SIZE:]
        for place in range(heads.count):
            self._dispatch[place](heads.numbers[place], bytes(ffi.buffer(heads.heads[place])) + payload)
        return True

    def ride(self, port: Any, on_opened: OpenedHandler | None = None) -> None:
        port.carry(self, on_opened)

    def leave(self, port: Any) -> None:
        port.carry(None)

    def admit(self, source: Address) -> None:
        if source == self._peer:
            self.coming.admitted = self.coming.generation

    def doubt(self) -> None:
        self.coming.admitted = 0

    def encrypt(self, cipher: Ciphered | None) -> None:
        self._cipher = cipher
        records: tuple[Any, ...] = (self.coming, self.going)
        for record in records:
            record.secure = True
            record.cipher = cipher.counts if cipher is not None else self._form.ffi.NULL
        self.touch()
        self.schedule()

    def keep(self, copies: SentPackets | None) -> None:
        self._copies = copies
        going: Any = self.going
        going.copies = copies.record if isinstance(copies, NativeCopies) else self._form.ffi.NULL

    def reach(self, line: Any, peer: Address | None) -> None:
        self._line, self._peer = line, peer
        going: Any = self.going
        going.line = line if line is not None else self._form.ffi.NULL
        self.touch()
        engine = self._form.engines.get(line) if line is not None else None
        if self._engine is not None and self._engine is not engine:
            self._engine.dismiss(self)
        self._engine = engine
        self._aim()

    def reaches(self, to: Address) -> bool:
        return self._line is not None and self._peer == to

    def aim(self, to: Address) -> None:
        self._to = to
        self._aim()

    def _aim(self) -> None:
        going: Any = self.going
        going.direct = self._to is not None and self.reaches(self._to)
        self.schedule()

    def show(self, still: PreparedStill | None, block: bytes, dispatch: Callable[[int, bytes], None]) -> None:
        prepared = self._form.stills.prepare(still) if still is not None and len(block) <= BLOCK_LIMIT else None
        playing: Any = self.going.playing
        playing.still = prepared.record if prepared is not None else self._form.ffi.NULL
        playing.block, playing.block_size = block[:BLOCK_LIMIT], len(block)
        self._still = prepared
        self._dispatch_still = dispatch if prepared is not None else _nowhere
        if prepared is None and self._engine is not None:
            self._engine.dismiss(self)

    def plays(self) -> bool:
        return self._engine is not None and self._engine.plays(self)

    def play(self, now: float) -> bool:
        if self._still is None or self.going.unnamed or self.going.tapped:
            return False
        if self._engine is not None and self._engine.play(self, now):
            return True
        form, going = self._form, self.going
        for _ in range(form.lib.fast_picture(going, now)):
            size = form.lib.fast_picture_packet(going, form.packet, form.number)
            self._dispatch_still(form.number[0], bytes(form.ffi.buffer(form.packet, size)))
        self.schedule()
        return True

    def schedule(self) -> None:
        if self._engine is not None and self._still is not None:
            self._engine.enlist(self)

    def close(self) -> None:
        self.show(None, b"", _nowhere)
        self.reach(None, None)
        self.keep(None)
        self.unsettle()
        self.doubt()
        self._dispatch = []


def _nowhere(sequence: int, packet: bytes) -> None:
    """Nothing is played."""


class NativeEngine:
    """The sockets of short cuts: reads them, and hands out what is for Python. As `ShortCuts`.

    Attributes:
        told: of the event in hand, and counters; see native/layout.h.
    """

    def __init__(self, form: NativeForm, epoll_fd: int) -> None:
        self._form = form
        self._engine = form.lib.fast_engine_new(epoll_fd, *form.srtp)
        if not self._engine:
            raise MemoryError
        self.told = form.lib.fast_engine_told(self._engine)
        size = form.lib.fast_engine_buffer_size()
        self._buffer = memoryview(form.ffi.buffer(form.lib.fast_engine_buffer(self._engine), size)).cast("B")
        self._lines: dict[int, Any] = {}
        self._players: set[NativeWay] = set()  # whose records the library holds
        self._begin: Callable[[Any, int], int] = form.lib.fast_begin
        self._drain: Callable[[Any, int], int] = form.lib.fast_drain
        self._next: Callable[[Any], int] = form.lib.fast_next
        self._wait: Callable[[Any, int, float], int] = form.lib.fast_wait

    def line(self) -> Any:
        """Make the record of a short cut."""
        record = self._form.ffi.new("struct line *")
        record.fd = -1
        self._form.engines[record] = self
        return record

    def tie(self, line: Any, fd: int, rider: Rider | None) -> None:
        """Say which socket a short cut has, -1 for none, and whose packets come by it. The caller holds these."""
        null = self._form.ffi.NULL
        line.fd = fd
        line.coming = (rider.coming if rider is not None else None) or null
        line.lane = (rider.lane if rider is not None else None) or null

    def watch(self, fd: int, line: Any) -> None:
        """Read this socket from now on; it has to be in the epoll already."""
        if self._form.lib.fast_watch(self._engine, fd, line):
            raise MemoryError
        self._lines[fd] = line

    def forget(self, fd: int) -> None:
        """Read it no longer; what was read and not handed out is dropped."""
        if self._lines.pop(fd, None) is not None:
            self._form.lib.fast_forget(self._engine, fd)

    def begin(self, rounds: int) -> int:
        """Begin a turn over what is readable. As `next`."""
        return self._begin(self._engine, rounds)

    def drain(self, fd: int) -> int:
        """Begin a turn over one socket. As `next`."""
        return self._drain(self._engine, fd)

    def wait(self, others_fd: int, timeout_s: float) -> int:
        """Begin a turn that waits for what comes, as `ShortCuts.wait` says. As `next`."""
        return self._wait(self._engine, others_fd, timeout_s)

    @property
    def busy(self) -> bool:
        """Whether packets are so many that they are looked for every now and then."""
        return bool(self._form.lib.fast_busy(self._engine))

    def next(self) -> int:
        """Go on with the turn, until something is for Python."""
        return self._next(self._engine)

    def enlist(self, way: NativeWay) -> None:
        """Play the still that is shown by this way, as long as nothing is in the way of that; again: when it is due."""
        if self._engine and not self._form.lib.fast_players_add(self._engine, way.going):
            self._players.add(way)

    def dismiss(self, way: NativeWay) -> None:
        """Play it no longer."""
        if way in self._players:
            self._players.discard(way)
            self._form.lib.fast_players_remove(self._engine, way.going)

    def plays(self, way: NativeWay) -> bool:
        """Whether it is played by the library's clock, as things are."""
        return way in self._players and bool(self._form.lib.fast_plays(way.going))

    def play(self, way: NativeWay, now: float) -> bool:
        """Play its next picture now. Returns: whether that could be."""
        return way in self._players and bool(self._form.lib.fast_play(self._engine, way.going, now))

    @property
    def packet(self) -> memoryview:
        """The packet in hand, valid until `next`."""
        at = self.told.at
        return self._buffer[at : at + self.told.size]

    def close(self) -> None:
        """Free it all."""
        engine, self._engine = self._engine, self._form.ffi.NULL
        self._buffer.release()
        self._lines.clear()
        self._players.clear()
        self._form.lib.fast_engine_free(engine)


class NativeForm:
    """The short way in C. As `Form`.

    Attributes:
        ffi, lib: of the library. srtp: addresses of libsrtp's functions that encrypt and decrypt a packet.
        stills: that are played. engines: by line. packet, number: room for a packet of a still.
    """

    name = "native"
    reason = ""

    def __init__(self, library: Path = LIBRARY) -> None:
        """Load the library. Raises OSError where that cannot be done, or it is of another version."""
        self.ffi = FFI()
        self.ffi.cdef((FOLDER / "layout.h").read_text())
        self.lib: Any = self.ffi.dlopen(str(library))
        if self.lib.fast_sources() != digest():
            raise OSError(f"{library} was built from other sources")
        self.srtp = tuple(self._function(name) for name in ("srtp_protect", "srtp_unprotect"))
        self.stills = NativeStills(self.ffi)
        self.engines: WeakKeyDictionary[Any, NativeEngine] = WeakKeyDictionary()
        self.packet, self.number = self.ffi.new("uint8_t[]", PACKET_LIMIT), self.ffi.new("uint16_t *")

    def _function(self, name: str) -> Any:
        found = srtp.ffi.addressof(srtp.lib, name)
        return self.ffi.cast("srtp_fn", int(srtp.ffi.cast("uintptr_t", found)))

    def coming(self) -> Coming:
        """Make the record of what comes."""
        record = self.ffi.new("struct coming *")
        record.generation, record.payload_type, record.picture_timestamp = 1, -1, -1
        return cast(Coming, record)

    def going(self) -> Going:
        """Make the record of what goes."""
        record = self.ffi.new("struct going *")
        record.generation, record.open_timestamp = 1, -1
        record.playing.key_at = Playing().key_at
        return cast(Going, record)

    def way(self) -> NativeWay:
        return NativeWay(self)

    def lane(self) -> NativeLane:
        return NativeLane(self.ffi)

    def copies(self) -> NativeCopies:
        return NativeCopies(self)

    def cipher(self, incoming: int, outgoing: int) -> CipherCounts:
        record = self.ffi.new("struct cipher *")
        record.incoming, record.outgoing = (self.ffi.cast("void *", at) for at in (incoming, outgoing))
        return cast(CipherCounts, record)

    def engine(self, epoll_fd: int) -> NativeEngine:
        return NativeEngine(self, epoll_fd)
