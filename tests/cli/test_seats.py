"""splitter seats and GET /v1/desks: which seats are registered."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from tests.cli.kit import Command
from tests.web.kit import SEAT, Gateway


async def test_are_listed_by_trunk_and_user(parts: Gateway, command: Command) -> None:
    now = time.time()
    parts.seats = [
        replace(SEAT, user="8002", extension="", registered_at=now, expires_at=now + 60.5),
        replace(SEAT, registered_at=now, expires_at=now + 3600.5),
    ]
    result = await command("seats")
    titles, first, second = result.output.splitlines()
    assert titles.split()[:3] == ["USER", "EXTENSION", "TRUNK"]
    assert first.split()[:3] == ["8001", "501", "seats"]
    assert "1:00:00" in first and "sip:8001@10.2.0.7" in first and "phone/1" in first
    assert second.split()[:2] == ["8002", "-"] and "1:00" in second


async def test_none_is_said_in_words(parts: Gateway, command: Command) -> None:
    assert (await command("seats")).output == "no seat is registered\n"


async def test_as_json(parts: Gateway, command: Command) -> None:
    parts.seats = [SEAT]
    [seat] = json.loads((await command("seats", "--json")).output)
    assert (seat["instance"], seat["expires_at"]) == ("<urn:uuid:1>", 4600.0)
