"""A hub, and who listens to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from splitter.calls.logins.access import Scope
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import (
    CallView,
    PartyView,
)
from splitter.web.access.bearer import Bearer
from splitter.web.events.audience import EventListener
from splitter.web.events.hub import Hub
from tests.telemetry.kit import VirtualClock
from tests.web.kit import CALL

READER = Bearer("crm", frozenset({Scope.READ}))


WANG = Bearer("wang", frozenset({Scope.DESK}), "8001")


LI = Bearer("li", frozenset({Scope.DESK}), "8002")


PARTY = PartyView("seat-1", PartyKind.WEBRTC, "8001", "tab-1", PartyState.CONNECTED)


class Stand:
    """A hub and its clock."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.hub = Hub(self.clock, "e1")

    def call(self, **changed: Any) -> CallView:
        view = replace(CALL, **changed)
        self.hub.call(view)
        return view


def heard(listener: EventListener) -> list[dict[str, Any]]:
    """Everything that it has not taken yet."""

    async def take() -> list[dict[str, Any]]:
        frames = []
        while not listener.idle:
            text = await listener.next(1.0)
            assert text is not None
            frames.append(json.loads(text))
        return frames

    return asyncio.run(take())


def news(listener: EventListener) -> list[dict[str, Any]]:
    """The same without hello and ready."""
    return [frame for frame in heard(listener) if frame["type"] not in ("hello", "ready")]


def words(frames: list[dict[str, Any]]) -> list[str]:
    """Each frame in short."""
    return [
        frame["type"]
        + (" gone" if frame.get("gone") else "")
        + (f" {frame['call']['state']}" if "call" in frame else "")
        for frame in frames
    ]
