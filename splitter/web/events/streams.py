"""What one node tells: its numbers, what is kept of it, and what it has come to. Does no I/O.

A stream is named by its node and by a life of it, whose numbers go on over a restart: "a.7k3m…"; without a cluster, by
the life alone. A listener knows of each stream the last number that it heard: its cursor, "a.7k3m…:17,b.x2h8…:4".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from splitter.calls.desks import DeskView
from splitter.calls.view import CallView, Notice
from splitter.store.journal import KeptEvent
from splitter.web.events.happenings import Happening
from splitter.web.events.ring import Ring
from splitter.web.events.unbound import is_unbound

MOST_KEPT = 10_000
KEPT_S = 600.0
_MOST_STREAMS = 32
_PLACE = re.compile(r"([\w.-]{1,100}):(\d{1,18})", re.ASCII)


@dataclass(slots=True)
class EventStream:
    """The happenings of one node, in their order.

    Attributes:
        name: see above; node: empty without a cluster.
        calls, desks: those that live, and those that have clients. unbound: the calls among them that nobody has.
        ring: the newest happenings, each with its place among those of all streams, which is this hub's own; those of
            a former process as they were kept.
    """

    name: str
    node: str = ""
    calls: dict[str, CallView] = field(default_factory=dict)
    desks: dict[str, DeskView] = field(default_factory=dict)
    unbound: dict[str, CallView] = field(default_factory=dict)
    ring: Ring[tuple[int, Happening | KeptEvent]] = field(default_factory=lambda: Ring(MOST_KEPT, KEPT_S))
    _names: dict[str, dict[str, str]] = field(default_factory=dict)  # call → party → extension

    @property
    def seq(self) -> int:
        """The number of what happened last."""
        return self.ring.seq

    def enter_call(self, view: CallView) -> None:
        """A call is so now."""
        if is_unbound(view):
            self.unbound[view.call_id] = view
        else:
            self.unbound.pop(view.call_id, None)
        if view.state == "ended":
            self.calls.pop(view.call_id, None)
            self._names.pop(view.call_id, None)
            return
        self.calls[view.call_id] = view
        if view.parties:  # those who are there, and the last ones that left
            self._names[view.call_id] = {party.name: party.extension for party in view.parties}

    def enter_desk(self, view: DeskView) -> None:
        """A desk is so now."""
        if view.clients:
            self.desks[view.extension] = view
        else:
            self.desks.pop(view.extension, None)

    def extension_of(self, notice: Notice) -> str:
        """The extension of whom a notice names; it is told, too."""
        return notice.extension or self._names.get(notice.call_id, {}).get(notice.party, "")


def read_cursor(text: str) -> dict[str, int] | None:
    """The number of each stream; None for what is no cursor."""
    places = text.split(",")
    found = [_PLACE.fullmatch(place) for place in places[:_MOST_STREAMS]]
    if len(places) > _MOST_STREAMS or not all(found):
        return None
    return {match[1]: int(match[2]) for match in found if match is not None}


def cursor_of(streams: Iterable[EventStream]) -> str:
    """The cursor of who has heard all of these."""
    return written({stream.name: stream.seq for stream in streams})


def written(cursor: Mapping[str, int]) -> str:
    """A cursor as text."""
    return ",".join(f"{name}:{seq}" for name, seq in cursor.items())
