"""splitter desks, and GET /v1/desks: who is there."""

from __future__ import annotations

import json

import pytest

from splitter.calls.desks import ClientView, DeskView
from tests.cli.kit import Command, splitter
from tests.web.kit import Gateway

DESKS = (
    DeskView(
        "8001", "online", (ClientView("tab-1", "webrtc", 1000.0, ("7kq2m0000000",)), ClientView("", "sip", 1000.0))
    ),
    DeskView("8002", "offline"),
)


class Told:
    """A gateway that has these desks."""

    def listed(self, kind: type[DeskView], *parts: str) -> list[DeskView]:
        assert parts == ("desks", "desks")
        return list(DESKS)


def test_are_listed_with_their_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitter.cli.desks.open_door", lambda ctx: Told())
    titles, first, second, third = splitter("desks").stdout.splitlines()
    assert titles.split() == ["EXTENSION", "STATE", "KIND", "CLIENT", "SINCE", "IN", "CALLS"]
    assert first.split()[:4] == ["8001", "online", "webrtc", "tab-1"] and first.endswith("7kq2m0000000")
    assert second.split()[:4] == ["8001", "online", "sip", "-"]
    assert third.split() == ["8002", "offline", "-", "-", "-", "-"]


async def test_none_is_said_in_words(parts: Gateway, command: Command) -> None:
    assert (await command("desks")).stdout.startswith("no desk is known")
    assert json.loads((await command("desks", "--json")).stdout) == []
