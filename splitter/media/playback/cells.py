"""Which picture stands in which cell of a film, and under what name."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.media.playback.blocks import FilmTrack
from splitter.media.record.happenings import RecordedEvent

SHOWN = "shown to the caller"
CELLS_LIMIT = 6
_CALLERS, _DESKS, _OTHERS = 0, 1, 2


@dataclass(slots=True)
class FilmCell:
    """A place of the film.

    Attributes:
        name, plain: what is written there, and what where no font has all its letters.
        tracks: that stand there, one after the other.
        shown: what the caller was shown stands there while none of them has a picture.
    """

    name: str
    plain: str
    kind: int
    tracks: list[FilmTrack] = field(default_factory=list)
    shown: list[FilmTrack] = field(default_factory=list)


def arrange(tracks: list[FilmTrack], events: list[RecordedEvent], caller: str, agent: str) -> list[FilmCell]:
    """The cells: the caller's side first, then the agent's, then others. Both sides have one, picture or not.

    Those of one side who were never seen at once share a cell: an agent who came back after the browser died is one.
    """
    titles = {
        str(event.more.get("name")): str(event.more.get("title") or "") for event in events if event.what == "party"
    }
    cells: list[FilmCell] = []
    videos = [track for track in tracks if track.video]
    for track in sorted(videos, key=lambda one: (_kind(one.name), one.first)):
        if track.name == SHOWN:
            continue
        kind = _kind(track.name)
        cell = next((one for one in cells if one.kind == kind and _free(one, track)), None)
        if cell is None:
            if len(cells) >= CELLS_LIMIT:
                continue
            cell = FilmCell("", track.name, kind)
            cells.append(cell)
        cell.tracks.append(track)
    for kind, otherwise in ((_CALLERS, caller), (_DESKS, agent)):
        if not any(cell.kind == kind for cell in cells):
            cells.append(FilmCell(otherwise, otherwise or "-", kind))
    cells.sort(key=lambda one: one.kind)  # it is stable
    for cell in cells:
        cell.name = cell.name or _name(cell, titles, caller, agent)
    next(cell for cell in cells if cell.kind == _DESKS).shown = [track for track in videos if track.name == SHOWN]
    return cells


def _kind(name: str) -> int:
    if name == "caller" or name.startswith("guest-"):
        return _CALLERS
    return _DESKS if name.startswith(("desk-", "seat-")) else _OTHERS


def _free(cell: FilmCell, track: FilmTrack) -> bool:
    return all(one.last <= track.first or track.last <= one.first for one in cell.tracks)


def _name(cell: FilmCell, titles: dict[str, str], caller: str, agent: str) -> str:
    usual = {_CALLERS: caller, _DESKS: agent}.get(cell.kind, "")
    names = [titles.get(track.name) or usual or track.name for track in cell.tracks]
    return ", ".join(dict.fromkeys(name for name in names if name)) or "-"
