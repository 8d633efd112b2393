"""What a worker can say of what it carries, to a gateway that did not open it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from splitter.core.net import Address
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaStarted, RelayLost, StrangerHeard
from splitter.media.ports.rooms import PICTURES_KEPT, CarriedParticipant, CarriedRoom, ParticipantHandle, RoomHandle
from splitter.media.ports.voice import CarriedRelay, RelayHandle
from splitter.media.worker.books import Books
from splitter.media.worker.notices import read_event
from splitter.media.worker.verbs.close_relay import CloseRelay
from splitter.media.worker.verbs.inventory import PAGE, Carried, ListHoldings
from splitter.media.worker.verbs.open_relay import OpenRelay, RelayOpened
from splitter.media.worker.verbs.open_room import First, OpenRoom, RoomOpened
from splitter.media.worker.verbs.put_picture import PutPicture
from splitter.media.worker.verbs.report_relay import RelayCounts
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.media.worker.verbs.verb import Done

SIDES = (("caller", "10.0.0.1"), ("centre", "10.0.0.2"))
REMOTE = RemoteEnd(Address("192.0.2.9", 4000), Address("192.0.2.9", 4001))
HERE = Address("192.0.2.9", 4000)


def opened(books: Books, id: str) -> RelayHandle:
    books.enter(OpenRelay("call", id, SIDES, ("192.0.2.1", "10.0.0.2")), RelayOpened(((10, 11), (12, 13))))
    return RelayHandle(id, "call", (LocalEnd("192.0.2.1", 10, 11), LocalEnd("10.0.0.2", 12, 13)))


def asked(books: Books, after: str = "") -> Carried:
    worker: Any = SimpleNamespace(books=books)
    return ListHoldings(after).run(worker)


class TestBooks:
    def test_have_the_handle_that_was_given_away_and_where_it_points(self) -> None:
        books = Books()
        handle = opened(books, "relay-1")
        books.enter(SetRemote("relay-1", 1, REMOTE), Done())
        assert asked(books).relays == [CarriedRelay(handle, (None, REMOTE))]

    def test_have_how_things_stand(self) -> None:
        books = Books()
        opened(books, "relay-1")
        started = MediaStarted("call", "audio", "caller", HERE)
        for event in (started, StrangerHeard("call", "audio", "centre", HERE, 100)):
            books.note("relay-1", event)
        books.enter(SetRemote("relay-1", 1, REMOTE), Done())  # the stranger was of another peer
        assert [(notice.owner, read_event(notice)) for notice in asked(books).told] == [("relay-1", started)]

    def test_have_nothing_that_was_closed_or_lost(self) -> None:
        books = Books()
        for id in ("relay-1", "relay-2"):
            opened(books, id)
        books.enter(CloseRelay("relay-1"), RelayCounts(None))
        books.note("relay-2", RelayLost("call", "relay-2", "broken"))
        books.note("relay-3", MediaStarted("call", "audio", "caller", HERE))
        assert asked(books) == Carried([], [], [], "")

    def test_have_the_pictures_that_a_room_keeps(self) -> None:
        books = Books()
        books.enter(OpenRoom("room-1", "call"), Done())
        for number in (0, 1, 0, *range(2, PICTURES_KEPT + 2)):
            books.enter(PutPicture("room-1", str(number), b""), Done())
        kept = tuple(str(number) for number in range(2, PICTURES_KEPT + 2))
        assert asked(books).rooms == [CarriedRoom(RoomHandle("room-1", "call"), (), kept)]

    def test_have_whom_a_room_was_opened_for(self) -> None:
        books = Books()
        books.enter(OpenRoom("room-1", "call", First("caller", "10.0.0.1", "192.0.2.1")), RoomOpened((10, 11)))
        caller = ParticipantHandle(RoomHandle("room-1", "call"), "caller", LocalEnd("192.0.2.1", 10, 11))
        assert asked(books).rooms == [CarriedRoom(RoomHandle("room-1", "call"), (CarriedParticipant(caller, None),))]

    def test_are_told_page_by_page(self) -> None:
        books = Books()
        handles = {opened(books, f"relay-{number:04}").relay_id for number in range(2 * PAGE)}
        books.enter(OpenRoom("room-1", "call"), Done())
        pages = [asked(books)]
        while pages[-1].last:
            pages.append(asked(books, pages[-1].last))
        assert [len(page.relays) for page in pages] == [PAGE, PAGE, 0]
        assert {one.handle.relay_id for page in pages for one in page.relays} == handles
        assert [len(page.rooms) for page in pages] == [0, 0, 1]
