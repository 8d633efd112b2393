"""What the API says of a reload of the configuration, and of a drain. Pure."""

from __future__ import annotations

from msgspec import Struct


class ChangedKey(Struct):
    """A key that differs, or a table that is new or gone: `change` says "added", "removed", "changed" or "moved".

    `taken`: "live", at once; "restart", by `splitter restart`. `before`, `after`: where they are short and no secrets.
    """

    key: str
    change: str
    taken: str
    before: str = ""
    after: str = ""


class Drained(Struct):
    """Whether new calls are refused, since when (Unix seconds), and how many calls live."""

    draining: bool
    since: float | None
    calls: int


class Reloaded(Struct):
    """What a reload has done, or would do.

    `unchanged`: tables that are as they were. `refused`: why nothing was taken before a restart; empty for nothing.
    """

    dry_run: bool
    changes: list[ChangedKey] = []
    unchanged: list[str] = []
    refused: list[str] = []
