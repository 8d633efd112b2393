"""Records as they are kept, and what changes of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveRow:
    """The record of one call, as it was last written.

    Attributes:
        written_at: Unix seconds.
        record: opaque here.
        doubt: what was under way after it was written; None for nothing. Opaque as well.
    """

    call_id: str
    written_at: float
    record: bytes
    doubt: bytes | None = None


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """How far a shelf is complete: the greater of two tells which shelf is the newer one.

    Attributes:
        fence: of the process that wrote; see `splitter.cluster.lease`. 0 where there is only one process.
        number: of its changes; -1 while records may be missing.
    """

    fence: int
    number: int


@dataclass(frozen=True, slots=True)
class RecordChange:
    """Part of a batch: what is to be written of one call.

    Attributes:
        record: None: the one that is there stays.
        over: nothing is kept of it any longer.
    """

    record: bytes | None = None
    doubt: bytes | None = None
    over: bool = False

    def after(self, before: RecordChange | None) -> RecordChange:
        """Both, where this one follows the one before."""
        if before is None or self.over or self.record is not None:
            return self
        return RecordChange(before.record, self.doubt if self.doubt is not None else before.doubt, before.over)


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that are written in one step.

    Attributes:
        mark: what the shelf may say of itself then.
        anew: whatever is there goes first.
    """

    changes: Mapping[str, RecordChange]
    mark: Mark
    anew: bool = False


@dataclass(frozen=True, slots=True)
class ShelfContent:
    """Records that a shelf held at the start.

    Attributes:
        mark: None where it does not know how complete it is.
    """

    rows: tuple[LiveRow, ...] = ()
    mark: Mark | None = None
