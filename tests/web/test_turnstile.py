"""HTTP gets a share of the event loop, source by source, whoever asks and however often."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from splitter.web.door.turnstile import Busy, Turnstile
from tests.world.loop import VirtualLoop

PRICE_S, SHARE = 0.002, 0.2
EACH_S = PRICE_S * (1 / SHARE - 1)  # the rest after one of this price, while the loop has nothing else to do


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    made.enter()
    yield made
    made.leave()
    made.close()


class Desk:
    """Where those who entered are noted, with the time."""

    def __init__(self, loop: VirtualLoop, turnstile: Turnstile) -> None:
        self.loop, self.turnstile = loop, turnstile
        self.seen: list[tuple[str, float]] = []
        self.refused: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, source: str, times: int = 1, price_s: float = PRICE_S) -> None:
        for _ in range(times):
            self.tasks.append(self.loop.create_task(self._enter(source, price_s)))

    def run(self, seconds: float = 60.0) -> list[str]:
        """Who entered, in order."""
        self.loop.run_until(lambda: False, seconds)
        return [source for source, _ in self.seen]

    def _enter(self, source: str, price_s: float) -> Coroutine[Any, Any, None]:
        async def entering() -> None:
            try:
                await self.turnstile.enter(source, price_s)
                self.seen.append((source, self.loop.time()))
            except Busy:
                self.refused.append(source)

        return entering()


def desk(loop: VirtualLoop, **more: Any) -> Desk:
    return Desk(loop, Turnstile(SHARE, now=loop.time, **more))


class TestShare:
    def test_one_alone_does_not_wait(self, loop: VirtualLoop) -> None:
        one = desk(loop)
        one.come("a")
        assert one.run(0.0001) == ["a"]

    def test_many_get_no_more_than_their_share(self, loop: VirtualLoop) -> None:
        one = desk(loop)
        one.come("a", 200)
        one.run()
        assert len(one.seen) == 200
        took_s = one.seen[-1][1] - one.seen[0][1]
        assert took_s == pytest.approx(199 * EACH_S)
        assert 199 * PRICE_S / (took_s + 199 * PRICE_S) == pytest.approx(SHARE)

    def test_a_loop_that_is_busy_with_calls_lets_fewer_in(self, loop: VirtualLoop) -> None:
        """Each look at the clock is 10 ms later: the loop does something else in between."""
        late = [0.0]

        def now() -> float:
            late[0] += 0.010
            return loop.time() + late[0]

        one = Desk(loop, Turnstile(SHARE, patience_s=1e6, now=now))
        one.come("a", 10)
        one.run()
        gaps = [after - before for (_, before), (_, after) in zip(one.seen, one.seen[1:], strict=False)]
        assert min(gaps) >= 3.99 * 0.010

    def test_afterwards_it_is_as_before(self, loop: VirtualLoop) -> None:
        one = desk(loop)
        one.come("a", 50)
        one.run()
        one.come("b")
        before = loop.time()
        one.run(0.0001)
        assert one.seen[-1] == ("b", before)
        assert one.turnstile.waiting == 0


class TestSources:
    def test_take_turns(self, loop: VirtualLoop) -> None:
        one = desk(loop)
        one.come("flood", 100)
        one.run(0.001)
        one.come("desk", 2)
        order = one.run()
        assert [index for index, source in enumerate(order) if source == "desk"] == [2, 4]

    def test_who_asks_much_waits_behind_itself(self, loop: VirtualLoop) -> None:
        one = desk(loop)
        one.come("flood", 300)
        for number in range(20):
            one.come(f"desk{number}")
        order = one.run()
        assert set(order[1:22]) == {"flood", *(f"desk{number}" for number in range(20))}


class TestWaiting:
    def test_for_too_long_is_refused(self, loop: VirtualLoop) -> None:
        one = desk(loop, patience_s=1.0)
        one.come("a", 300)
        one.run()
        assert len(one.seen) + len(one.refused) == 300
        assert one.refused and max(at for _, at in one.seen) <= 1.0 + EACH_S

    def test_one_source_takes_only_its_share_of_the_places(self, loop: VirtualLoop) -> None:
        one = desk(loop, each=10)
        one.come("flood", 300)
        one.come("desk", 3)
        loop.run_until(lambda: False, 0.0001)
        assert one.refused == ["flood"] * 289, "one is in, ten wait"
        order = one.run()
        assert order.count("flood") == 11 and order.count("desk") == 3

    def test_who_went_away_costs_no_turn(self, loop: VirtualLoop) -> None:
        one = desk(loop)
        one.come("gone", 50)
        one.come("here")
        loop.run_until(lambda: False, 0.001)
        for task in one.tasks[1:50]:
            task.cancel()
        one.run()
        assert one.seen[-1][0] == "here" and one.seen[-1][1] <= 2 * EACH_S
        assert one.turnstile.waiting == 0
