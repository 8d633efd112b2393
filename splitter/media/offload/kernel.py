"""The offload of one worker: a map of flows, a program, its places, the ways to peers. Does I/O.

Everything is this process's own and ends with it, except filters where the kernel is too old for links: those of dead
workers are removed here at start. One look costs a few system calls, however many flows there are: they all hang on the
same places and ways.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing

import structlog

from splitter.media.offload import bpf
from splitter.media.offload.attach import Attachment, attach, remove_dead
from splitter.media.offload.layout import KEY, VALUE_SIZE, counts_in, key_of, samples_in, value_of
from splitter.media.offload.paths import Path, Paths
from splitter.media.offload.ports import FlowCount, OffloadFull, OffloadLost, OffloadPending, OffloadRefused, VoiceFlow
from splitter.media.offload.program import assembled

LOOK_S = 0.2
"""How long it is believed that places are as they were, and that nothing changed in the machine's network."""

log = structlog.get_logger(__name__)


class KernelOffload:
    """The kernel as this worker has it.

    What may wait for other programs that change the machine's network is done by a thread: no packet waits for it.

    Args:
        limit: flows at most.
        now: monotonic seconds.

    Attributes:
        flows: the map.
        engaged: flows that the kernel has.
        broken: why it is given nothing any more; "" while all is well.

    Raises:
        OffloadRefused: the system does not let us.
    """

    def __init__(self, limit: int, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._attachments: dict[int, Attachment] = {}
        self._coming: dict[int, Future[Attachment]] = {}
        self._inspection: Future[list[Attachment]] | None = None
        self._thread = ThreadPoolExecutor(1, "offload")
        self._looked_at = float("-inf")
        self.engaged = 0
        self.broken = ""
        try:
            removed = remove_dead()
            with ExitStack() as opened:
                self.paths = opened.enter_context(closing(Paths()))
                self.flows = opened.enter_context(closing(bpf.FlowMap(KEY.size, VALUE_SIZE, limit)))
                self._program = bpf.load(assembled(self.flows.fd))
                opened.callback(os.close, self._program)
                self._opened = opened.pop_all()
        except OSError as error:
            raise OffloadRefused(_why(error)) from error
        if removed:
            log.warning("voice programs of dead workers removed", count=removed)

    def engage(self, flow: VoiceFlow) -> KernelTicket:
        """Have the kernel take a flow. Raises OffloadRefused, OffloadPending."""
        if self.broken:
            raise OffloadRefused(self.broken)
        if (":" in flow.source.host) != (":" in flow.destination.host):
            raise OffloadRefused("one side speaks IPv4 and the other one IPv6")
        self.look()
        arriving = self.paths.find(flow.local.host, flow.source.host)
        leaving = self.paths.find(flow.out.host, flow.destination.host)
        attachment = self._attached(arriving.interface)
        key = key_of(flow)
        try:
            self.flows.add(key, value_of(flow, leaving.interface, leaving.next_hop, leaving.largest))
        except OSError as error:
            if error.errno in (errno.E2BIG, errno.ENOMEM):
                raise OffloadFull("the kernel's map of flows is full") from error
            raise OffloadRefused(_why(error)) from error
        self.engaged += 1
        return KernelTicket(self, flow, key, (arriving, leaving), attachment)

    def _attached(self, interface: int) -> Attachment:
        """The program at an interface, where it stays as long as the worker lives.

        Raises:
            OffloadRefused: it cannot be put there.
            OffloadPending: it is being put there, by a thread: packets of others must not wait for that.
        """
        attachment = self._attachments.get(interface)
        if attachment is not None:
            return attachment
        if interface not in self._coming:
            self._coming[interface] = self._thread.submit(attach, self._program, interface)
        if not self._coming[interface].done():
            raise OffloadPending("the program is being attached")
        try:
            attachment = self._coming.pop(interface).result()
        except OSError as error:
            raise OffloadRefused(_why(error)) from error
        self._attachments[interface] = attachment
        log.info("voice program attached", interface=_name(interface))
        return attachment

    def look(self) -> None:
        """See whether all is as it was, if the last look was some time ago."""
        now = self._now()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        self.paths.refresh()
        if self._inspection is not None and self._inspection.done():
            inspection, self._inspection = self._inspection, None
            self._lose(inspection.result())
        if self._inspection is None and self._attachments:
            self._inspection = self._thread.submit(_gone, tuple(self._attachments.values()))

    def _lose(self, gone: list[Attachment]) -> None:
        """Find these no longer in their places."""
        for interface, attachment in list(self._attachments.items()):
            if attachment in gone:
                del self._attachments[interface]
                self._thread.submit(attachment.take_off)
                log.error("the voice program is gone from an interface", interface=_name(interface))

    def has(self, attachment: Attachment) -> bool:
        """Whether the program was in this place at the last look."""
        return attachment in self._attachments.values()

    def give_up(self, reason: str) -> None:
        """Take the program off everywhere, for good: all voice comes to the worker."""
        if not self.broken:
            self.broken = reason
            log.error("the kernel carries no voice any more", reason=reason)
        self._take_off()

    def _take_off(self) -> None:
        for attachment in self._attachments.values():
            self._thread.submit(attachment.take_off)
        self._attachments.clear()

    def close(self) -> None:
        """Take everything off."""
        self.broken = self.broken or "the worker ends"
        self._take_off()
        self._thread.shutdown()
        for coming in self._coming.values():
            if coming.exception() is None:
                coming.result().take_off()
        self._opened.close()


def _gone(attachments: tuple[Attachment, ...]) -> list[Attachment]:
    """Those that are not in their places. For the thread: what asks for it may have to wait for others (rtnl)."""
    return [attachment for attachment in attachments if not attachment.is_there()]


class KernelTicket:
    """A flow that the kernel has; `splitter.media.offload.ports.Ticket`."""

    __slots__ = ("_attachment", "_flow", "_generation", "_key", "_offload", "_read", "_ways")

    def __init__(
        self, offload: KernelOffload, flow: VoiceFlow, key: bytes, ways: tuple[Path, Path], attachment: Attachment
    ) -> None:
        self._offload: KernelOffload | None = offload
        self._flow, self._key, self._ways, self._attachment = flow, key, ways, attachment
        self._generation = offload.paths.generation
        self._read = (0, 0)  # packets and bytes that were told

    def check(self) -> KernelOffload:
        """Raise OffloadLost where the kernel cannot send it on any more. Returns: who has it."""
        offload = self._offload
        if offload is None:
            raise OffloadLost("it was given back")
        offload.look()
        if not offload.has(self._attachment):
            raise OffloadLost(offload.broken or f"the voice program is gone from {_name(self._ways[0].interface)}")
        if self._generation != offload.paths.generation:
            self._check_ways(offload)
        return offload

    def read(self) -> FlowCount:
        """Say what it took since the last time. Raises OffloadLost."""
        offload = self.check()
        try:
            value = offload.flows.read(self._key)
        except OSError as error:
            raise OffloadLost(_why(error)) from error
        if value is None:
            raise OffloadLost("the flow is gone from the kernel's map")
        return self._news(value)

    def _check_ways(self, offload: KernelOffload) -> None:
        flow = self._flow
        try:
            ways = (
                offload.paths.find(flow.local.host, flow.source.host),
                offload.paths.find(flow.out.host, flow.destination.host),
            )
        except OffloadRefused as refusal:
            raise OffloadLost(str(refusal)) from refusal
        if ways != self._ways:
            raise OffloadLost(f"the way to {flow.source.host} or {flow.destination.host} is another one now")
        self._generation = offload.paths.generation

    def _news(self, value: bytes) -> FlowCount:
        packets, size_bytes, last_at = counts_in(value)
        before, bytes_before = self._read
        self._read = packets, size_bytes
        return FlowCount(packets - before, size_bytes - bytes_before, samples_in(value, before), last_at)

    def give_back(self) -> FlowCount:
        """End it. Returns: the rest of what the kernel took; again is no error."""
        offload, self._offload = self._offload, None
        if offload is None:
            return FlowCount()
        offload.engaged -= 1
        try:
            value = offload.flows.take(self._key)
        except OSError as error:  # it would go on to where nobody is any more
            offload.give_up(f"a flow cannot be taken back: {_why(error)}")
            return FlowCount()
        return FlowCount() if value is None else self._news(value)


def open_offload(limit: int) -> KernelOffload | NoOffload:
    """The kernel, or the reason why it cannot be had."""
    try:
        return KernelOffload(limit)
    except OffloadRefused as refusal:
        log.warning("the kernel carries no voice", reason=str(refusal))
        return NoOffload(str(refusal))


class NoOffload:
    """A kernel that refuses, always for the same reason."""

    engaged = 0

    def __init__(self, reason: str) -> None:
        self.broken = reason

    def engage(self, flow: VoiceFlow) -> KernelTicket:
        """Refuse. Raises OffloadRefused."""
        raise OffloadRefused(self.broken)

    def close(self) -> None:
        """End; there is nothing to be ended."""


def _why(error: OSError) -> str:
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"not allowed (CAP_BPF and CAP_NET_ADMIN are needed): {error.strerror}"
    return f"the kernel refused: {error.strerror or error}"


def _name(interface: int) -> str:
    try:
        return socket.if_indextoname(interface)
    except OSError:
        return f"interface {interface}"
