"""How a worker is, as the operator sees it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from splitter.media.ports.health import WorkerStatus
from splitter.media.worker.verbs.process import Status
from splitter.telemetry import metrics

if TYPE_CHECKING:
    from splitter.media.worker.supervisor import Supervisor


def pairs_in(ports: tuple[int, int]) -> int:
    """Count the pairs of a range; see PortPairs."""
    first, last = ports
    return len(range(first + first % 2, last, 2))


def slice_of(first: int, last: int, index: int, count: int) -> tuple[int, int]:
    """The part of the port range that belongs to worker `index` of `count`: whole pairs, first and last inclusive."""
    even = first + first % 2
    pairs = (last + 1 - even) // 2
    begin, end = pairs * index // count, pairs * (index + 1) // count
    return even + 2 * begin, even + 2 * end - 1


def mixes_of(supervisors: Sequence[Supervisor]) -> frozenset[str]:
    """The encodings of voice that one of these workers can mix; asked for before each step of a call."""
    if len(supervisors) == 1:
        status = supervisors[0].status
        return frozenset(status.mixes) if status is not None else frozenset()
    return frozenset(name for one in supervisors if one.status is not None for name in one.status.mixes)


def status_of(supervisor: Supervisor) -> WorkerStatus:
    """Say how the worker of a supervisor is, as far as it has told."""
    status = supervisor.status
    return WorkerStatus(
        index=supervisor.index,
        pid=supervisor.pid,
        state=supervisor.state.value,
        relays=status.relays if status else 0,
        rooms=status.rooms if status else 0,
        pairs=pairs_in(supervisor.ports),
        free_ports=status.free_ports if status else 0,
        restarts=supervisor.restarts,
        in_kernel=status.in_kernel if status else 0,
        no_offload=status.no_offload if status else "",
        form=status.form if status else "",
        tcp=status.tcp if status else 0,
        resting=status.resting if status else 0,
        for_pictures=status.for_pictures if status else -1,
    )


def count_since(before: Status | None, now: Status) -> None:
    """Count what a worker has refused, lost and hurried since it was last asked; another one begins anew."""
    known = before.tcp_refused if before is not None and before.pid == now.pid else {}
    for reason, refused in now.tcp_refused.items():
        metrics.media.TCP_REFUSED.labels(reason).inc(max(0, refused - known.get(reason, 0)))
    unsent = before.tcp_unsent if before is not None and before.pid == now.pid else 0
    metrics.media.TCP_UNSENT.inc(max(0, now.tcp_unsent - unsent))
    hurried = before.hurried if before is not None and before.pid == now.pid else 0
    metrics.media.PORTS_HURRIED.inc(max(0, now.hurried - hurried))


def count_refused(kind: str) -> None:
    """Count a relay, room or adapter, or what was to be added to one, that found no ports."""
    metrics.media.PORTS_REFUSED.labels("picture" if kind == "room" else "voice").inc()
