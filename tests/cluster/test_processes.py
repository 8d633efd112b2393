"""Gateways of one node on this machine: who starts, who waits, who is refused, and what each says of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.lab.gateway import GatewayFailed, GatewayProcess
from tests.cluster.server import Server
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.interop


def gateway(server: Server, folder: Path) -> GatewayProcess:
    """Host A of node a; its password is not asked for by everybody."""
    folder.mkdir()
    (folder / "password").write_text("right")
    tables = f'[cluster]\nnode = "a"\nhost = "A"\nvalkey = ["{server.url}"]\npassword_file = "{folder}/password"\n'
    tables += "lease_ttl_s = 4\n"  # nobody is taken for dead because the machine is slow
    return GatewayProcess(folder, Address("127.0.0.1", 9), "12345", more=tables)


def twin(one: GatewayProcess, folder: Path, host: str) -> GatewayProcess:
    folder.mkdir()
    (folder / "password").write_text("right")
    return one.twin(folder, **{'host = "A"': f'host = "{host}"'})


@asynccontextmanager
async def ended(*gateways: GatewayProcess) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for one in gateways:
            await one.stop()


async def says(one: GatewayProcess, words: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while words not in " ".join((await one.get("/v1/status"))["alarms"]):  # noqa: ASYNC110 — another process
            await asyncio.sleep(0.05)


class TestWhoIsTheNode:
    async def test_the_first_and_the_other_waits_until_it_stops(self, server: Server, tmp_path: Path) -> None:
        server.command("CONFIG", "SET", "requirepass", "right")
        a = gateway(server, tmp_path / "A")
        b = twin(a, tmp_path / "B", "B")
        async with ended(a, b):
            await a.start()
            await b.start("standby")
            assert (await b.get("/v1/calls"))["calls"] == []
            assert await a.stop() == 0
            await b.reaches("running")
            await a.start("standby")
            assert await a.stop() == 0

    async def test_a_second_process_of_the_host_is_refused(self, server: Server, tmp_path: Path) -> None:
        server.command("CONFIG", "SET", "requirepass", "right")
        a = gateway(server, tmp_path / "A")
        other, same = twin(a, tmp_path / "other", "A"), twin(a, tmp_path / "same", "A")
        same.configuration.write_text(a.configuration.read_text())
        async with ended(a, other, same):
            await a.start()
            with pytest.raises(GatewayFailed, match="another process is this node on host A"):
                await other.start("running")
            with pytest.raises(GatewayFailed, match="another gateway, process"):
                await same.start("running")
            assert await a.state() == "running"

    async def test_one_with_a_wrong_password_waits_and_says_so(self, server: Server, tmp_path: Path) -> None:
        server.command("CONFIG", "SET", "requirepass", "right")
        a = gateway(server, tmp_path / "A")
        (tmp_path / "A" / "password").write_text("wrong")
        async with ended(a):
            await a.start("standby")
            await says(a, "this host cannot stand in for node a: Valkey does not believe our user or password")
            (tmp_path / "A" / "password").write_text("right")
            await a.reaches("running")
