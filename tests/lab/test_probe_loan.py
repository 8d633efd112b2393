"""A probe gives its place back, whatever becomes of its call: a script may test one number after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from splitter.core.net import Address
from splitter.lab import probe
from splitter.lab.whip import ApiReply

SOURCE = Address("192.0.2.10", 40_000)


class Asked:
    """The API, and what it was asked."""

    def __init__(self, *_: object, **__: object) -> None:
        self.wishes: list[dict[str, Any]] = []

    def open(self, api: str) -> None: ...

    async def stop(self) -> None: ...

    async def ask(self, method: str, path: str, **more: Any) -> ApiReply:
        if path != "/v1/test-calls":
            return ApiReply(404, {}, {})
        self.wishes.append(more["json"])
        return ApiReply(201, {}, {})


class Refused:
    """A handset whose call is refused."""

    def __init__(self, *_: object) -> None:
        self.agent = SimpleNamespace(address=SOURCE)
        self.party = SimpleNamespace(with_video=True)
        self.clock = SimpleNamespace(now=lambda: 0.0)
        self.call = self
        self.state, self.sip_call_id = "ended", "1"

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def dial(self, number: str, gateway: Address) -> Refused:
        return self

    async def answered(self, limit_s: float) -> object:
        return SimpleNamespace(accepted=False, status=486, reason="Busy Here")

    async def hang_up(self, limit_s: float) -> None: ...


async def test_a_place_is_lent_for_the_call_and_given_back_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    monkeypatch.setattr(probe, "Handset", Refused)
    monkeypatch.setattr(probe, "WebSeat", lambda *_, **__: asked)
    plan = probe.ProbePlan("9999", "0000", "sbc", Address("192.0.2.1", 5060), "192.0.2.10", "192.0.2.10", "/x.sock")
    trial = probe.TrialCall(plan, lambda text: None)
    await trial.run()
    assert [check.ok for check in trial.checks] == [False]
    lent, back = asked.wishes
    assert lent["source"] == back["source"] == str(SOURCE) and lent["for_s"] > plan.limit_s > 10 > back["for_s"]
