"""The kernel beneath one relay: when it is given the voice, and when it is taken back. Sends and receives nothing.

The kernel gets both directions at once, a moment after both sides were found, and only while nothing else is to be done
with their packets. It is looked at every moment: its counters are added to those of the lanes, and whatever is not
well brings the voice back to the worker, where every packet that the kernel leaves is relayed all the time.

Nothing that goes wrong here touches the relay: what is raised is logged, and the relay goes on without the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from splitter.core.net import Address
from splitter.media.offload.ports import (
    FlowCount,
    Offload,
    OffloadFull,
    OffloadLost,
    OffloadPending,
    OffloadRefused,
    Ticket,
    VoiceFlow,
)
from splitter.media.ports.events import VoiceOffloaded
from splitter.media.relay.lane import Lane
from splitter.media.wire.host import Host, Timer

LOOK_S = 0.4
"""Between two looks whether all is well."""

LOOKS_A_COUNT = 2
"""Counters are read at one look in so many: a lane that counts nothing for two seconds takes its peer for silent."""

RETRY_S = 10.0
"""After the kernel has refused a flow or lost one."""

ASTRAY = 10
"""Packets between two counts that come to the worker though the kernel should have them: they arrive elsewhere."""

log = structlog.get_logger(__name__)


class _Astray(Exception):
    """Packets that should come to the kernel come to the worker: it is of no use to try again."""


@dataclass(slots=True)
class OneWay:
    """What one side sends.

    Attributes:
        lane: takes it in; its peer lane sends it.
        local, out: our ports of these two.
        counted: packets of the lane that are accounted for.
    """

    lane: Lane
    local: Address
    out: Address
    ticket: Ticket | None = None
    counted: int = 0

    def engage(self, offload: Offload) -> None:
        """Give it to the kernel. Raises OffloadRefused."""
        source, destination = self.lane.accepted, self.lane.peer.destination
        if source is None or destination is None:
            raise OffloadRefused("its peers are not known")
        self.ticket = offload.engage(VoiceFlow(source, self.local, self.out, destination))
        self.counted = self.lane.packets

    def give_back(self) -> None:
        """Have it back in the worker; again is no error."""
        ticket, self.ticket = self.ticket, None
        if ticket is not None:
            self.lane.carried(ticket.give_back())

    def check(self) -> None:
        """Raise OffloadLost where the kernel cannot go on with it."""
        if self.ticket is not None:
            self.ticket.check()

    def read(self) -> None:
        """Add what the kernel took to the lane's counters. Raises OffloadLost."""
        taken = self.ticket.read() if self.ticket is not None else FlowCount()
        self.lane.carried(taken)
        self.counted += taken.packets

    def astray(self) -> int:
        """Count the packets that came to us since the last time, though the kernel should have had them."""
        here, self.counted = self.lane.packets - self.counted, self.lane.packets
        return here


class Beneath:
    """The kernel beneath one relay.

    Args:
        call_id, emit: for VoiceOffloaded events.
        directions: both.
        offload: the worker's.
        host: timers.

    Attributes:
        engaged: the kernel has the voice.
    """

    def __init__(
        self,
        call_id: str,
        directions: tuple[OneWay, OneWay],
        offload: Offload,
        host: Host,
        emit: Callable[[VoiceOffloaded], None],
    ) -> None:
        self._call_id = call_id
        self._directions = directions
        self._offload = offload
        self._host = host
        self._emit = emit
        self._timer: Timer | None = None
        self._told = ""  # the last refusal
        self._looks = 0
        self.engaged = False

    def settled(self) -> None:
        """A side was found: see in a moment whether the kernel can have the voice."""
        if self._timer is None:
            self._timer = self._host.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        again_s: float | None = LOOK_S
        try:
            if self.engaged:
                self._read()
            elif any(one.lane.sealed for one in self._directions):
                raise OffloadRefused("it is encrypted (SRTP), which the worker does")
            elif all(one.lane.steady for one in self._directions):
                self._engage()
        except OffloadPending:
            pass
        except _Astray as astray:
            again_s = None  # until a side is found anew
            self._bring_back(str(astray))
        except OffloadRefused as refusal:
            again_s = RETRY_S
            self._refused(str(refusal), isinstance(refusal, OffloadFull))
        except OffloadLost as lost:
            again_s = RETRY_S
            self._bring_back(str(lost), fault=True)
        except Exception as fault:  # the voice must not suffer from it
            again_s = RETRY_S
            log.exception("offload of a relay failed", call=self._call_id)
            self._bring_back(f"a fault of the offload: {type(fault).__name__}: {fault}", fault=True)
        if again_s is not None:
            self._timer = self._host.call_later(again_s, self._look)

    def _engage(self) -> None:
        try:
            for one in self._directions:
                one.engage(self._offload)
        except BaseException:
            self._give_back()
            raise
        self.engaged, self._looks, self._told = True, 0, ""
        self._emit(VoiceOffloaded(self._call_id, True, ""))

    def _read(self) -> None:
        self._looks += 1
        for one in self._directions:
            one.check()
            if self._looks % LOOKS_A_COUNT:
                continue
            one.read()
            if one.astray() >= ASTRAY and self._looks > LOOKS_A_COUNT:
                raise _Astray(
                    f"packets from {one.lane.accepted} come to the worker: "
                    "by another interface than the one that leads there, or not as RTP"
                )

    def _refused(self, reason: str, fault: bool) -> None:
        """Tell a refusal, unless it is the one that was told."""
        if reason != self._told:
            self._emit(VoiceOffloaded(self._call_id, False, reason, fault))
        self._told = reason

    def _bring_back(self, reason: str, fault: bool = False) -> None:
        engaged, self.engaged = self.engaged, False
        self._give_back()
        if fault:
            log.error("the kernel has lost a voice", call=self._call_id, reason=reason)
        if engaged:
            self._emit(VoiceOffloaded(self._call_id, False, reason, fault))

    def _give_back(self) -> None:
        for one in self._directions:
            try:
                one.give_back()
            except Exception:
                log.exception("a flow was not given back in order", call=self._call_id)

    # ---- what the relay asks for ---------------------------------------------------------------------------------

    def take_back(self, reason: str) -> None:
        """Have the voice in the worker from this packet on, until all is settled again."""
        if self.engaged:
            self._bring_back(reason)

    def count(self) -> None:
        """Bring the lanes' counters up to date."""
        if self.engaged:
            try:
                for one in self._directions:
                    one.read()
            except Exception as lost:  # the next look sees to it
                log.debug("counters of a flow were not read", call=self._call_id, reason=str(lost))

    def close(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.engaged = False
        self._give_back()
