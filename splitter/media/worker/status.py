"""How a worker is, as the operator sees it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from splitter.media.ports.health import WorkerStatus
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
    )
