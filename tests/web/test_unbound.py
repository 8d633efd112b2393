"""The calls that nobody has: who is shown them, what of them, and when."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splitter.calls.asks import Bind
from splitter.calls.logins.access import ApiSettings, Scope, UnboundShown
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.states import CallState
from splitter.web.access.bearer import CONSOLE, Bearer
from splitter.web.events import hub as hub_module
from splitter.web.events.audience import EventListener
from splitter.web.events.hub import Hub
from splitter.web.events.unbound import DESKS_PER_S, MOST_SHOWN, UnboundFrames, pause_s
from tests.patience import PATIENCE_S, until
from tests.telemetry.kit import VirtualClock
from tests.web.hub_kit import LI, READER, WANG, news
from tests.web.kit import CALL, Gateway, Web, ended, web
from tests.web.nodes.kit import pair

GRANTED = Bearer("ma", frozenset({Scope.DESK, Scope.UNBOUND}), "8003")
FIRE = Bearer("fire", frozenset({Scope.DESK, Scope.IDENTITY}), "119")
BOSS = Bearer("boss", frozenset({Scope.DESK, Scope.READ}), "500")
HIDDEN = CallerFacts(private=True)


class Stand:
    """A hub, its settings, and the rounds in which it tells desks."""

    def __init__(self, shown: UnboundShown = UnboundShown.DESKS) -> None:
        self.settings = ApiSettings(unbound_calls=shown)
        self.hub = Hub(VirtualClock(), "e1", unbound=UnboundFrames(lambda: self.settings))

    def call(self, **changed: Any) -> None:
        self.hub.call(replace(CALL, **changed))
        self.hub.refresh_unbound()

    def show(self, shown: UnboundShown) -> None:
        self.settings = ApiSettings(unbound_calls=shown)
        self.hub.refresh_unbound()


def told(listener: EventListener) -> list[dict[str, Any]]:
    """What a listener was told of such calls since the last time."""
    return [frame["unbound"] for frame in news(listener) if frame["type"] == "unbound"]


async def last_numbers(listener: EventListener) -> list[str]:
    """The numbers in the last frame of such calls that it has not taken yet."""
    frames = []
    while not listener.idle:
        frames.append(json.loads(await listener.next(PATIENCE_S) or "{}"))
    [*_, last] = [frame["unbound"]["calls"] for frame in frames if frame["type"] == "unbound"]
    return [call["number"] for call in last]


def numbers(listener: EventListener) -> list[list[str]]:
    return [[call["number"] for call in frame["calls"]] for frame in told(listener)]


class TestWhoIsShown:
    def test_every_desk_its_number_and_since_when_and_no_more(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        stand.call()
        [frame] = told(wang)
        one = {"call_id": CALL.call_id, "number": "13800138000", "since": 1003.0, "node": ""}
        assert frame == {"calls": [one], "count": 1}
        [other] = news(stand.hub.attach(LI))
        assert other == {"type": "unbound", "unbound": frame}, "who comes later is told the same, and not the call"

    def test_until_somebody_has_it_or_it_is_over(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        stand.call()
        stand.call(call_id="other", answered_at=1001.0, caller="13900139000")
        stand.call(extension="8002")
        stand.hub.call(ended(replace(CALL, call_id="other")))
        stand.hub.refresh_unbound()
        assert numbers(wang) == [["13800138000"], ["13900139000", "13800138000"], ["13900139000"], []]

    @pytest.mark.parametrize(
        "changed", [{"state": CallState.RINGING}, {"state": CallState.ROUTING}, {"extension": "8002"}, {"test": True}]
    )
    def test_none_that_cannot_be_taken(self, changed: dict[str, Any]) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        stand.call(**changed)
        assert told(wang) == []

    def test_withheld_numbers_are_shown_to_those_who_may_see_them(self) -> None:
        stand = Stand()
        wang, fire, boss = (stand.hub.attach(one) for one in (WANG, FIRE, BOSS))
        stand.call(facts=HIDDEN)
        assert numbers(wang) == [[""]]
        assert numbers(fire) == numbers(boss) == [["13800138000"]]

    def test_programs_and_guests_are_told_nothing(self) -> None:
        stand = Stand()
        guest = Bearer("guest", frozenset({Scope.GUEST}), call_id=CALL.call_id)
        in_one = Bearer("desk", frozenset({Scope.DESK}), "8001", call_id="another")
        listeners = [stand.hub.attach(one) for one in (READER, CONSOLE, guest, in_one)]
        listeners.append(stand.hub.attach(BOSS, narrow=True))  # another node
        stand.call()
        assert [told(one) for one in listeners] == [[]] * 5

    def test_the_operator_narrows_it_and_switches_it_off(self) -> None:
        stand = Stand(UnboundShown.GRANTED)
        wang, granted, boss = (stand.hub.attach(one) for one in (WANG, GRANTED, BOSS))
        stand.call()
        assert [numbers(one) for one in (wang, granted, boss)] == [[], [["13800138000"]], [["13800138000"]]]
        stand.show(UnboundShown.NOBODY)
        assert [numbers(one) for one in (wang, granted, boss)] == [[], [[]], []], "it goes from the desk at once"
        assert told(stand.hub.attach(GRANTED)) == []
        stand.show(UnboundShown.DESKS)
        assert [numbers(one) for one in (wang, granted, boss)] == [[["13800138000"]], [["13800138000"]], []]


class TestHowMuch:
    def test_the_oldest_are_listed_and_all_are_counted(self) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        for number in range(MOST_SHOWN + 10):
            stand.hub.call(replace(CALL, call_id=f"c{number}", caller=str(number), answered_at=2000.0 - number))
        stand.hub.refresh_unbound()
        [frame] = told(wang)
        assert frame["count"] == MOST_SHOWN + 10
        assert [call["number"] for call in frame["calls"]] == [str(59 - place) for place in range(MOST_SHOWN)]

    def test_a_change_that_shows_nowhere_is_not_told(self) -> None:
        stand = Stand()
        stand.call()
        wang = stand.hub.attach(WANG)
        news(wang)
        stand.call(showing="desk-1")
        assert news(wang) == []

    async def test_what_changes_at_once_is_told_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An answer whose agent is named a moment later is shown to nobody."""
        paused: list[float] = []
        asleep, wake = asyncio.Event(), asyncio.Event()

        async def sleep(pause_s: float) -> None:
            paused.append(pause_s)
            asleep.set()
            await wake.wait()

        stand = Stand()
        wang = stand.hub.attach(LI)
        stand.hub.call(CALL)
        stand.hub.call(replace(CALL, call_id="bound"))
        monkeypatch.setattr(hub_module, "sleep", sleep)
        telling = asyncio.create_task(stand.hub.tell_unbound())
        await asleep.wait()
        stand.hub.call(replace(CALL, call_id="bound", extension="8001"))
        wake.set()
        frames = [json.loads(await wang.next(PATIENCE_S) or "{}") for _ in range(3)]
        telling.cancel()
        assert [frame["type"] for frame in frames] == ["hello", "ready", "unbound"]
        assert [call["call_id"] for call in frames[2]["unbound"]["calls"]] == [CALL.call_id]
        assert paused == [pause_s(1)]

    async def test_a_fault_costs_one_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stand = Stand()
        wang = stand.hub.attach(WANG)
        hello, ready = [await wang.next(PATIENCE_S) for _ in range(2)]
        assert hello and ready and wang.idle
        hear = stand.hub.refresh_unbound

        def fail() -> None:
            hear()
            raise ValueError("a fault")

        rounds = [hear, fail]
        monkeypatch.setattr(hub_module, "pause_s", lambda listeners: 0.0)
        monkeypatch.setattr(stand.hub, "refresh_unbound", lambda: rounds.pop()())
        telling = asyncio.create_task(stand.hub.tell_unbound())
        for number in (1, 2):
            stand.hub.call(replace(CALL, call_id=f"c{number}"))
            frame = json.loads(await wang.next(PATIENCE_S) or "{}")
            assert frame["unbound"]["count"] == number
        telling.cancel()

    def test_many_desks_hear_it_less_often(self) -> None:
        assert pause_s(1) == 1.0 and pause_s(10 * DESKS_PER_S) == 10.0


class TestOverRequests:
    async def test_a_desk_lists_them_and_takes_one(self, parts: Gateway, outside: Web) -> None:
        hidden = replace(CALL, call_id="9yy2m0000000", short_code="4713", answered_at=1001.0, facts=HIDDEN)
        bound = replace(CALL, call_id="8zz2m0000000", short_code="4712", extension="502", caller="139")
        parts.calls.add(CALL, hidden, bound)
        status, body = await outside.ask("GET", "/v1/unbound", "desk")
        assert status == 200 and body["count"] == 2
        assert [(call["call_id"], call["number"]) for call in body["calls"]] == [
            (hidden.call_id, ""),
            (CALL.call_id, "13800138000"),
        ]
        assert (await outside.ask("GET", "/v1/unbound", "reader"))[1]["calls"][0]["number"] == "13800138000"
        for number, reference in enumerate((hidden.call_id, "0086-138 0013 8000")):
            status, _ = await outside.ask("PUT", f"/v1/calls/{reference}/desk", "desk", json={})
            assert status == 200
            assert parts.calls.asked[number] == ((hidden, CALL)[number].call_id, Bind("501", "client"))

    @pytest.mark.parametrize("shown", [UnboundShown.GRANTED, UnboundShown.NOBODY])
    async def test_who_may_not_see_them_is_refused(self, shown: UnboundShown, tmp_path: Path) -> None:
        async with web(tmp_path, ApiSettings(unbound_calls=shown)) as (parts, outside):
            parts.calls.add(CALL)
            assert await outside.code("GET", "/v1/unbound", "desk") == (403, "wrong-scope")
            assert (await outside.ask("GET", "/v1/unbound", "reader"))[1]["count"] == 1
            assert (await outside.ask("PUT", "/v1/calls/13800138000/desk", "desk", json={}))[0] == 200

    async def test_those_of_another_node_are_shown_and_taken(self, tmp_path: Path) -> None:
        async with pair(tmp_path) as two:
            await two.heard()
            two.a.begin(call_id="far", caller="13900139000", answered_at=1001.0)
            two.b.begin()
            await until(lambda: len([*two.b.hub.unbound()]) == 2)
            wang = two.b.hub.attach(WANG)
            two.b.hub.refresh_unbound()
            assert await last_numbers(wang) == ["13900139000", "13800138000"]
            _, body = await two.b.outside.ask("GET", "/v1/unbound", "desk")
            assert [(call["call_id"], call["node"]) for call in body["calls"]] == [("far", "a"), (CALL.call_id, "b")]
            assert (await two.b.outside.ask("PUT", "/v1/calls/far/desk", "desk", json={}))[0] == 200
            assert two.a.parts.calls.asked == [("far", Bind("501", "client"))]
            two.a.begin(call_id="far", extension="501")
            await until(lambda: len([*two.b.hub.unbound()]) == 1)
            two.b.hub.refresh_unbound()
            assert await last_numbers(wang) == ["13800138000"]
