"""Codes of authenticator apps in a real Valkey: good once at all gateways together; and without one."""

from __future__ import annotations

import asyncio

import pytest

from splitter.cluster import codes as module
from splitter.cluster.codes import SharedCodes
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Valkey, ValkeyError, ValkeyFault
from tests.cluster.server import Server


@pytest.mark.interop
async def test_a_code_is_good_once_at_all_gateways(server: Server) -> None:
    here, there = SharedCodes(server.settings()), SharedCodes(server.settings())
    assert await here.claim("8001", 100)
    assert not await there.claim("8001", 100) and not await there.claim("8001", 99)
    assert await there.claim("8001", 101) and await there.claim("8002", 100)
    assert 0 < int(server.command("TTL", "p:code:8001")) <= 300, "nothing of it stays"


@pytest.mark.interop
async def test_without_valkey_each_gateway_has_its_own(server: Server) -> None:
    codes = SharedCodes(server.settings())
    server.kill()
    assert await codes.claim("8001", 100)


@pytest.mark.parametrize(("rest_s", "times"), [(3600.0, 1), (0.0, 30)])
async def test_a_host_that_is_off_is_not_waited_for_at_each_login(
    rest_s: float, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(*asked_for: object) -> object:
        asked.append(asked_for)
        raise ValkeyError(ValkeyFault.DOWN, "timed out")

    monkeypatch.setattr(Valkey, "run", run)
    monkeypatch.setattr(module, "REST_S", rest_s)
    codes = SharedCodes(ClusterSettings(node="a", valkey=("redis://192.0.2.1",)))
    assert all(await asyncio.gather(*(codes.claim(f"80{user}", 100) for user in range(10, 40))))
    assert len(asked) == times
