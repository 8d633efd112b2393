"""Readiness of media sockets: one epoll of their own, nested in the event loop's, or the other way round. Does I/O.

The event loop sees a single descriptor, however many sockets there are, and runs one callback per batch of packets
instead of one per packet. Where the short way is native, and the loop is one whose waiting can be lent (`waiting.py`),
even that callback is saved: the library waits, and the loop is the one that is nested.

Where packets are many, waking up for each costs more than forwarding it. So the poller has two gears, as network cards
do: *quiet*, woken by the first packet, adds no delay; *busy* (from about a thousand wake-ups per second) looks every
other millisecond and finds several packets at a time. Busy costs a packet one millisecond on average, of the five that
a worker may take, and saves a third of the CPU. The library has the same gears, and changes later, since its wake-ups
cost less (`native/wait.c`).
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from typing import Any

import structlog

from splitter.media.fast.way import OPENED, READABLE, Form, ShortCuts
from splitter.media.wire.waiting import waiting_of

log = structlog.get_logger(__name__)

ShortCutHandler = Callable[[bool, memoryview, float], None]
"""Called with a packet that came by a short cut: whether it is decrypted already, itself, and the time."""

BATCH = 256  # events taken at a time
ROUNDS = 8  # times a batch is asked for in one turn; then control gets its share
TICK_S = 0.002
BUSY_GAP_S = 0.001  # wake-ups closer than this are "many"
BUSY_AFTER = 16  # so many of them in a row: change to busy
REVIEW_TICKS = 64  # every so many ticks: fewer packets than ticks? change to quiet


class Poller:
    """Calls the handler of each socket that has a packet waiting.

    A handler takes one packet. What it raises goes to its fault handler and touches no other socket. The sockets of
    short cuts are read by the native form of the short way, where there is one; it hands out all other packets.

    Attributes:
        short_cuts: that form's reader; None: Python reads all sockets.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, form: Form | None = None) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self.short_cuts = form.engine(self._epoll.fileno()) if form is not None else None
        self._takers: dict[int, ShortCutHandler] = {}
        self._handlers: dict[int, Callable[[], None]] = {}
        self._faults: dict[int, Callable[[Exception], None]] = {}
        self._last_wake = 0.0
        self._close_wakes = 0
        self._ticks = 0
        self._ticked_packets = 0
        self._timer: asyncio.TimerHandle | None = None
        self._lent = waiting_of(loop) if self.short_cuts is not None else None
        if self._lent is not None:
            self._epoll.register(self._lent.fileno(), select.EPOLLIN)
            self._lent.waiter = self._wait
        else:
            loop.add_reader(self._epoll.fileno(), self._on_readable)

    def __len__(self) -> int:
        return len(self._handlers)

    @property
    def busy(self) -> bool:
        """Which gear is in."""
        return self._timer is not None or (self.short_cuts is not None and self.short_cuts.busy)

    def watch(self, fd: int, handler: Callable[[], None], on_fault: Callable[[Exception], None]) -> None:
        """Call `handler` once per turn for as long as packets wait on `fd`."""
        self._handlers[fd] = handler
        self._faults[fd] = on_fault
        self._epoll.register(fd, select.EPOLLIN)

    def watch_short_cut(self, line: Any, taker: ShortCutHandler, on_fault: Callable[[Exception], None]) -> None:
        """Have the packets of a short cut dealt with, and `taker` told those that cannot be."""
        assert self.short_cuts is not None
        self.short_cuts.watch(line.fd, line)
        self._takers[line.fd] = taker
        self.watch(line.fd, _nothing, on_fault)

    def forget(self, fd: int) -> None:
        """Stop watching; before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._faults.pop(fd, None)
            self._epoll.unregister(fd)
        if self._takers.pop(fd, None) is not None and self.short_cuts is not None:
            self.short_cuts.forget(fd)

    def close(self) -> None:
        if self._lent is not None:
            self._lent.waiter = None
        elif self._timer is not None:
            self._timer.cancel()
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        if self.short_cuts is not None:
            self.short_cuts.close()

    def turn(self, rounds: int) -> int:
        """Handle what waits, up to `rounds` packets per socket. Returns: packets handled."""
        if self.short_cuts is not None:
            return self._hand_out(self.short_cuts, self.short_cuts.begin(rounds))
        handlers = self._handlers
        total = 0
        for _ in range(rounds):
            events = self._epoll.poll(0, BATCH)
            if not events:
                break
            total += len(events)
            for fd, _ in events:
                try:
                    handlers[fd]()
                except (BlockingIOError, ConnectionError):
                    pass  # a packet that failed its checksum, or an old ICMP error: nothing to read after all
                except Exception as fault:
                    self._on_fault(fd, fault)
        return total

    def _wait(self, timeout_s: float) -> bool:
        """Handle what comes, in the event loop's place. Returns: whether other files of the loop can be read."""
        assert self.short_cuts is not None and self._lent is not None
        self._hand_out(self.short_cuts, self.short_cuts.wait(self._lent.fileno(), timeout_s))
        return bool(self.short_cuts.told.others)

    def drain(self, fd: int, times: int) -> None:
        """Deal with what waits on a short cut, before it is given up. Not to be called while a packet is in hand."""
        for _ in range(times):
            if self.short_cuts is None or fd not in self._takers:
                return
            if not self._hand_out(self.short_cuts, self.short_cuts.drain(fd)):
                return

    def _hand_out(self, short_cuts: ShortCuts, event: int) -> int:
        """Go through a turn of the native form, of which this is the first event. Returns: packets handled."""
        told = short_cuts.told
        while event:
            fd = told.fd
            try:
                if event == READABLE:
                    self._handlers[fd]()
                else:
                    self._takers[fd](event == OPENED, short_cuts.packet, told.now)
            except (BlockingIOError, ConnectionError):
                pass
            except Exception as fault:
                self._on_fault(fd, fault)
            event = short_cuts.next()
        return int(told.total)

    def _on_fault(self, fd: int, fault: Exception) -> None:
        on_fault = self._faults.get(fd)
        if on_fault is None:
            return  # closed by an earlier handler of the same batch
        try:
            on_fault(fault)
        except Exception:
            log.exception("fault handler failed", fault=repr(fault))
            self.forget(fd)

    def _on_readable(self) -> None:
        self.turn(1)
        now = time.monotonic()
        self._close_wakes = self._close_wakes + 1 if now - self._last_wake < BUSY_GAP_S else 0
        self._last_wake = now
        if self._close_wakes >= BUSY_AFTER:
            self._close_wakes = 0
            self._loop.remove_reader(self._epoll.fileno())
            self._timer = self._loop.call_later(TICK_S, self._on_tick)

    def _on_tick(self) -> None:
        self._ticked_packets += self.turn(ROUNDS)
        self._ticks += 1
        if self._ticks >= REVIEW_TICKS:
            quiet = self._ticked_packets < self._ticks
            self._ticks = self._ticked_packets = 0
            if quiet:
                self._timer = None
                self._loop.add_reader(self._epoll.fileno(), self._on_readable)
                return
        self._timer = self._loop.call_later(TICK_S, self._on_tick)


def _nothing() -> None:
    """A short cut is not read in Python."""
