"""The queue before a receiver, in virtual time: order, pauses, bounds, and what the outbox holds meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from splitter.store.outbox import Delivered, Delivery
from splitter.web.webhooks.delivery import Concluded, DeliveryQueue, Effort, Fate, Postponed, Receipt

TAKEN = Receipt(Fate.DELIVERED, "200 OK")
REFUSED = Receipt(Fate.REFUSED, "404 Not Found")
FAILED = Receipt(None, "500 Oh")


def row(name: str) -> Delivery:
    return Delivery(name, "crm", 1000.0, b'{"type":"call"}')


@dataclass
class Kept:
    """An outbox: the ids that it holds, in order."""

    ids: list[str] = field(default_factory=list)

    def save_delivery(self, row: Delivery | Delivered) -> None:
        if isinstance(row, Delivery):
            self.ids.append(row.id)
        elif row.id in self.ids:
            self.ids.remove(row.id)

    async def deliveries(self) -> list[Delivery]:
        return [row(one) for one in self.ids]

    async def flush(self, limit_s: float = 1.0) -> bool:
        return True


@dataclass
class Bench:
    """A queue and a receiver that says `receipts` in turn, then takes everything; time goes from one due to the next."""

    receipts: list[Receipt] = field(default_factory=list)
    attempts: int = 12
    most: int = 100
    chance: float = 0.0
    now: float = 50.0
    tried: list[tuple[float, str]] = field(default_factory=list)  # seconds since the start
    news: list[Concluded | Postponed] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)

    def __post_init__(self) -> None:
        self.queue = DeliveryQueue(Effort(self.attempts, self.most, 1.0, 300.0), self.kept)

    def add(self, *names: str) -> None:
        self.news += [dropped for name in names if (dropped := self.queue.add(row(name)))]

    def play(self, steps: int = 1000) -> None:
        """Do what is due until nothing waits, or so many attempts were made."""
        while steps and (due_at := self.queue.due_at) is not None:
            if due_at > self.now:
                assert self.queue.begin(self.now) is None, "not before its time"
                self.now = due_at
            begun = self.queue.begin(self.now)
            assert begun is not None
            self.tried.append((self.now - 50.0, begun.id))
            receipt = self.receipts.pop(0) if self.receipts else TAKEN
            self.news.append(self.queue.end(receipt, self.now, self.chance))
            steps -= 1

    @property
    def fates(self) -> list[tuple[str, str]]:
        return [(one.row.id, str(one.fate)) for one in self.news if isinstance(one, Concluded)]


class TestOrder:
    def test_one_after_the_other(self) -> None:
        bench = Bench()
        bench.add("a", "b", "c")
        bench.play()
        assert bench.tried == [(0.0, "a"), (0.0, "b"), (0.0, "c")]
        assert bench.fates == [("a", "delivered"), ("b", "delivered"), ("c", "delivered")]
        assert bench.queue.due_at is None and bench.queue.begin(bench.now) is None

    def test_those_behind_one_that_fails_wait_for_it(self) -> None:
        bench = Bench([FAILED, FAILED, TAKEN])
        bench.add("a", "b")
        bench.play()
        assert bench.tried == [(0.0, "a"), (1.0, "a"), (3.0, "a"), (3.0, "b")]

    def test_one_that_comes_during_a_pause_neither_ends_it_nor_goes_first(self) -> None:
        bench = Bench([FAILED])
        bench.add("a")
        bench.play(1)
        bench.add("b")
        assert bench.queue.due_at == bench.now + 1.0
        bench.play()
        assert bench.tried == [(0.0, "a"), (1.0, "a"), (1.0, "b")]


class TestPauses:
    def test_double_up_to_the_longest(self) -> None:
        bench = Bench([FAILED] * 11)
        bench.add("a")
        bench.play()
        gaps = [later[0] - earlier[0] for earlier, later in zip(bench.tried, bench.tried[1:], strict=False)]
        assert gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    def test_begin_anew_with_the_next_delivery(self) -> None:
        bench = Bench([FAILED, FAILED, TAKEN, FAILED])
        bench.add("a", "b")
        bench.play()
        assert bench.tried[-2:] == [(3.0, "b"), (4.0, "b")]

    def test_are_shorter_by_chance(self) -> None:
        bench = Bench([FAILED], chance=1.0)
        bench.add("a")
        bench.play()
        assert bench.tried == [(0.0, "a"), (0.5, "a")]

    def test_are_as_long_as_the_receiver_asks(self) -> None:
        bench = Bench([Receipt(None, "429", 30.0), Receipt(None, "429", 0.1), Receipt(None, "503", 1e9)])
        bench.add("a")
        bench.play()
        assert [at for at, _ in bench.tried] == [0.0, 30.0, 32.0, 332.0]


class TestEnds:
    def test_a_refusal_is_final(self) -> None:
        bench = Bench([REFUSED])
        bench.add("a", "b")
        bench.play()
        assert bench.news == [Concluded(row("a"), Fate.REFUSED, "404 Not Found"), Concluded(row("b"), Fate.DELIVERED)]

    def test_given_up_when_it_was_tried_often_enough(self) -> None:
        bench = Bench([FAILED] * 3, attempts=3)
        bench.add("a", "b")
        bench.play()
        assert bench.news[:3] == [
            Postponed(row("a"), 1, 1.0, "500 Oh"),
            Postponed(row("a"), 2, 2.0, "500 Oh"),
            Concluded(row("a"), Fate.GIVEN_UP, "3 attempts: 500 Oh"),
        ]
        assert bench.tried[-1] == (3.0, "b")

    def test_the_oldest_that_waits_gives_way_and_never_the_one_under_way(self) -> None:
        bench = Bench([FAILED], most=2)
        bench.add("a")
        bench.play(1)
        bench.add("b", "c", "d")
        assert len(bench.queue) == 2
        bench.play()
        assert bench.fates == [("b", "dropped"), ("a", "delivered"), ("c", "delivered"), ("d", "delivered")]


class TestOutbox:
    def test_holds_what_was_neither_taken_nor_given_up(self) -> None:
        bench = Bench([TAKEN, REFUSED, FAILED, FAILED], attempts=2)
        bench.add("a", "b", "c", "d")
        held = []
        for _ in range(5):
            held.append(list(bench.kept.ids))
            bench.play(1)
        assert held == [["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"], ["c", "d"], ["d"]]
        assert bench.kept.ids == []

    def test_what_it_held_is_not_written_again(self) -> None:
        bench = Bench(kept=Kept(["a"]))
        bench.queue.restore(row("a"))
        assert bench.kept.ids == ["a"]
        bench.play()
        assert bench.kept.ids == []

    @given(st.lists(st.sampled_from([TAKEN, REFUSED, FAILED, "add"]), max_size=60))
    def test_each_delivery_has_one_end_whatever_happens(self, script: list[Receipt | str]) -> None:
        bench = Bench(attempts=3, most=4)
        added = 0
        for one in script:
            if isinstance(one, Receipt):
                bench.receipts = [one]
                bench.play(1)
            else:
                bench.add(str(added))
                added += 1
        bench.receipts = []
        bench.play()
        assert sorted(int(name) for name, _ in bench.fates) == list(range(added))
        assert bench.kept.ids == [] and bench.queue.due_at is None
        sent = [int(name) for _, name in bench.tried]
        assert sent == sorted(sent)


class TestAnotherReceiver:
    def test_what_waits_for_its_next_attempt_is_tried_at_once(self) -> None:
        bench = Bench([FAILED])
        bench.add("a", "b")
        bench.play(1)
        assert bench.queue.begin(bench.now) is None
        assert bench.queue.adopt(Effort(12, 100, 1.0, 300.0)) == []
        assert bench.queue.begin(bench.now) == row("a")

    def test_with_less_room_the_oldest_give_way(self) -> None:
        bench = Bench()
        bench.add("a", "b", "c")
        dropped = bench.queue.adopt(Effort(12, 1, 1.0, 300.0))
        assert [(one.row.id, one.fate) for one in dropped] == [("a", Fate.DROPPED), ("b", Fate.DROPPED)]
        assert bench.kept.ids == ["c"]

    def test_that_is_gone_leaves_nothing_waiting_or_kept(self) -> None:
        bench = Bench([FAILED])
        bench.add("a", "b")
        bench.play(1)
        assert [one.row.id for one in bench.queue.clear("gone")] == ["a", "b"]
        assert bench.kept.ids == [] and bench.queue.due_at is None and len(bench.queue) == 0
