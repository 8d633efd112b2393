"""Asks of the caller's video, and of what is shown to whom. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.sdp.video import Limits as Limits


@dataclass(frozen=True, slots=True)
class RaiseVideo:
    """Ask the caller for video. → None once the question is on its way; what comes of it is in the call's view.

    `link`: where the phone cannot, the caller is sent a link instead, in this language, "" for the usual one; None for
    no link.
    """

    by: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class DropVideo:
    """Back to voice alone. → None once it is on its way."""

    by: str


@dataclass(frozen=True, slots=True)
class Show:
    """Choose what `viewer` sees. → None

    `source`: a party's name, "slate", "picture:ID", "speaker" for whoever speaks, "mosaic" for several at once,
    or "" for the room's own choice. `of`: who is to be in the mosaic; () for everybody.
    """

    source: str
    by: str
    viewer: str = "caller"
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A still of what a party sends. → Snapshot"""

    of: str = "caller"
