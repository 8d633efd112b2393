"""A kernel that is none, for tests of those who use one. Same contract as the real one: test_contract.py."""

from __future__ import annotations

from splitter.media.offload.layout import SAMPLE
from splitter.media.offload.ports import FlowCount, FlowSample, OffloadFull, OffloadLost, OffloadRefused, VoiceFlow


class FakeTicket:
    """A flow that the fake has."""

    def __init__(self, offload: FakeOffload, flow: VoiceFlow) -> None:
        self._offload = offload
        self._flow = flow
        self._packets = self._told = self._bytes = 0
        self._samples: list[FlowSample] = []
        self._last_at = 0.0

    def take(self, packet: bytes, now: float) -> None:
        self._packets += 1
        self._bytes += len(packet)
        self._last_at = now
        if self._packets % SAMPLE == 0:
            self._samples.append(FlowSample(packet[:12], self._packets - self._told, now))

    def check(self) -> None:
        if self._offload.lost:
            raise OffloadLost(self._offload.lost)
        if self._offload.flows.get(self._flow) is not self:
            raise OffloadLost("it was given back")

    def read(self) -> FlowCount:
        self.check()
        return self._news()

    def _news(self) -> FlowCount:
        taken = FlowCount(self._packets - self._told, self._bytes, tuple(self._samples), self._last_at)
        self._told, self._bytes, self._samples = self._packets, 0, []
        return taken

    def give_back(self) -> FlowCount:
        if self._offload.flows.get(self._flow) is not self:
            return FlowCount()
        del self._offload.flows[self._flow]
        return self._news()


class FakeOffload:
    """Flows in a dictionary.

    Attributes:
        flows: what it has.
        refuses: why it takes none.
        lost: why it has lost those that it had.
        breaks: raised by what is asked of it, as no kernel should.
    """

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self.flows: dict[VoiceFlow, FakeTicket] = {}
        self.refuses = self.lost = ""
        self.breaks: Exception | None = None

    @property
    def engaged(self) -> int:
        return len(self.flows)

    def engage(self, flow: VoiceFlow) -> FakeTicket:
        if self.breaks is not None:
            raise self.breaks
        if self.refuses or self.lost:
            raise OffloadRefused(self.refuses or self.lost)
        if len(self.flows) >= self._limit:
            raise OffloadFull("the kernel's map of flows is full")
        if flow in self.flows:
            raise OffloadRefused("it is there already")
        ticket = self.flows[flow] = FakeTicket(self, flow)
        return ticket
