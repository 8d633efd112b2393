"""Codes of authenticator apps in a real Valkey: good once at all gateways together."""

from __future__ import annotations

import pytest

from splitter.cluster.codes import SharedCodes
from tests.cluster.server import Server

pytestmark = pytest.mark.interop


async def test_a_code_is_good_once_at_all_gateways(server: Server) -> None:
    here, there = SharedCodes(server.settings()), SharedCodes(server.settings())
    assert await here.claim("8001", 100)
    assert not await there.claim("8001", 100) and not await there.claim("8001", 99)
    assert await there.claim("8001", 101) and await there.claim("8002", 100)
    assert 0 < int(server.command("TTL", "p:code:8001")) <= 300, "nothing of it stays"


async def test_without_valkey_each_gateway_has_its_own(server: Server) -> None:
    codes = SharedCodes(server.settings())
    server.kill()
    assert await codes.claim("8001", 100)
