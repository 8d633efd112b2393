"""Say what is carried, for a gateway that did not open it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from splitter.media.ports.adapters import CarriedAdapter
from splitter.media.ports.rooms import CarriedRoom
from splitter.media.ports.voice import CarriedRelay
from splitter.media.worker.notices import MediaNotice, notice_of
from splitter.media.worker.verbs.verb import Message, Verb

if TYPE_CHECKING:
    from splitter.media.worker.dispatch import Dispatcher

PAGE = 100
"""Relays, rooms and adapters that are told at a time: packets wait meanwhile, a few milliseconds."""


class Carried(Message, frozen=True):
    """A page of what is carried.

    Attributes:
        told: how things stand with these.
        last: the id of the last one; "" where there are no more.
    """

    relays: list[CarriedRelay]
    rooms: list[CarriedRoom]
    told: list[MediaNotice]
    last: str
    adapters: tuple[CarriedAdapter, ...] = ()


class ListHoldings(Verb[Carried], frozen=True):
    """Say what comes after the relay, room or adapter with the id `after`, in the order of ids."""

    answer = Carried

    after: str = ""

    def run(self, worker: Dispatcher) -> Carried:
        page = list(islice(worker.books.after(self.after), PAGE))
        entries = [book.carried() for _, book in page]
        return Carried(
            [entry for entry in entries if isinstance(entry, CarriedRelay)],
            [entry for entry in entries if isinstance(entry, CarriedRoom)],
            [notice_of(id, event) for id, book in page for event in book.standing.events],
            page[-1][0] if len(page) == PAGE else "",
            tuple(entry for entry in entries if isinstance(entry, CarriedAdapter)),
        )
