"""How an engine is doing, for operators and metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_FEW_PORTS = 0.1  # of all that are left when an alarm says so


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as the operator sees it.

    Attributes:
        state: "starting", "ready", "stuck" or "down".
        form: of the short way of pictures: "native", or "python" and why; "" while unknown.
        pairs, free_ports: of UDP ports that it has, and those of them that a call could have now.
        in_kernel: directions of voices that the kernel carries for it.
        no_offload: why it can carry none, though it is to.
        tcp: connections by which browsers send and get their media.
        resting: pairs that a call could have only because no other is free: they have not rested.
        for_pictures: pairs that pictures could have now: they leave a part to voice; -1 while unknown.
    """

    index: int
    pid: int | None
    state: str
    relays: int
    rooms: int
    pairs: int
    free_ports: int
    restarts: int
    in_kernel: int = 0
    no_offload: str = ""
    form: str = ""
    tcp: int = 0
    resting: int = 0
    for_pictures: int = -1


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One rtpengine as the operator sees it.

    Attributes:
        address: where it is controlled.
        state: "starting", "up" or "down".
        weight: its share of new relays; 0 is none.
        relays: that it carries for us.
    """

    name: str
    address: str
    state: str
    weight: int
    relays: int


class FarmHealth(Protocol):
    """How the rtpengines are doing."""

    def status(self) -> tuple[InstanceStatus, ...]:
        """Say how each one is, in the order of the configuration."""
        ...


class EngineHealth(Protocol):
    """What an engine tells those who do not use it."""

    def status(self) -> list[WorkerStatus]:
        """Say how each worker is."""
        ...

    def sizes(self) -> dict[str, int]:
        """Count the "relays", "rooms" and "ports" that are held, for the check that nothing is left behind."""
        ...

    def worker_of(self, id: str) -> int | None:
        """The index of the worker that holds this relay or room; None where nobody does."""
        ...


def port_alarm(workers: Iterable[WorkerStatus]) -> str:
    """Say that ports run out, are left to voice alone, or find no time to rest; "" for nothing to say."""
    ready = [worker for worker in workers if worker.state == "ready"]
    free, pairs = sum(worker.free_ports for worker in ready), sum(worker.pairs for worker in ready)
    left = free + sum(worker.resting for worker in ready)
    if not pairs:
        return ""
    remedy = "widen media.first_port and media.last_port"
    if left <= _FEW_PORTS * pairs:
        return f"media ports run out: {left} of {pairs} pairs are left; {remedy}"
    if not any(worker.for_pictures for worker in ready):
        return f"no media ports are left for pictures: {left} of {pairs} pairs are left, for voice; {remedy}"
    if free <= _FEW_PORTS * pairs:
        return f"media ports are used again before they have rested: {free} of {pairs} pairs are free; {remedy}"
    return ""
