"""Links and messages in a real Valkey beside the disk: they go where their node goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from splitter.cluster import cabinet as shared
from splitter.cluster.cabinet import CabinetError, SharedCabinet
from splitter.store.cabinet import Cabinet
from tests.cluster.server import Server
from tests.cluster.test_records import Holder, lease
from tests.patience import until

pytestmark = pytest.mark.interop

KEPT = "p:kept:a:links"


class Node(Holder):
    """The process that is the node; `continued`: it was on this host before."""

    continued = True


@asynccontextmanager
async def opened(server: Server, folder: Path, fence: int = 7, continued: bool = True) -> AsyncIterator[SharedCabinet]:
    """The cabinet of a host that has become the node."""
    node = Node(fence=fence)
    node.continued = continued
    cabinet = SharedCabinet(Cabinet(folder / "links.db"), "links", server.settings(), node)
    try:
        yield cabinet
    finally:
        await cabinet.close()


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "LOOK_S", 0.05)


@pytest.fixture
def hosts(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path / "one", tmp_path / "two"


async def test_another_host_finds_them(server: Server, hosts: tuple[Path, Path]) -> None:
    one, two = hosts
    lease(server)
    async with opened(server, one) as cabinet:
        assert await cabinet.all() == {}
        await cabinet.put("a", b"1")
        await cabinet.put("b", b"1")
        await cabinet.put("a", b"2")
        await cabinet.drop(["b"])
        await until(lambda: server.command("HGETALL", KEPT) == [b"a", b"2"])
    lease(server, 8)
    async with opened(server, two, 8, continued=False) as cabinet:
        assert await cabinet.all() == {"a": b"2"}
        await cabinet.put("a", b"sent")
    lease(server, 9)
    async with opened(server, one, 9, continued=False) as cabinet:  # its own file says otherwise
        assert await cabinet.all() == {"a": b"sent"}
    assert await Cabinet(one / "links.db").all() == {"a": b"sent"}


async def test_what_was_kept_before_there_was_a_cluster(server: Server, tmp_path: Path) -> None:
    before = Cabinet(tmp_path / "links.db")
    await before.put("a", b"1")
    await before.close()
    lease(server)
    async with opened(server, tmp_path, continued=False) as cabinet:
        assert await cabinet.all() == {"a": b"1"}
        await until(lambda: server.command("HGETALL", KEPT) == [b"a", b"1"])


async def test_valkey_is_away_and_comes_back_empty(server: Server, tmp_path: Path) -> None:
    lease(server)
    async with opened(server, tmp_path) as cabinet:
        await cabinet.all()
        await cabinet.put("a", b"1")
        await until(lambda: server.command("HLEN", KEPT) == 1)
        server.kill()
        await cabinet.put("b", b"1")  # kept on this host, and said
        await until(lambda: "on this host alone" in cabinet.alarm)
        server.start()
        lease(server)
        await until(lambda: server.command("HLEN", KEPT) == 2 and not cabinet.alarm)
        server.command("DEL", KEPT)  # nobody is told of it
        await until(lambda: server.command("HLEN", KEPT) == 2)
    server.kill()
    async with opened(server, tmp_path) as cabinet:
        assert await cabinet.all() == {"a": b"1", "b": b"1"}
        assert cabinet.alarm
    server.start()  # for the fixture


async def test_who_was_overtaken_keeps_nothing_and_so_sends_nothing(server: Server, tmp_path: Path) -> None:
    lease(server)
    async with opened(server, tmp_path) as cabinet:
        await cabinet.all()
        await cabinet.put("a", b"1")
        await until(lambda: server.command("HLEN", KEPT) == 1 and not cabinet.alarm)
        lease(server, 8, "another")
        with pytest.raises(CabinetError):
            await cabinet.put("a", b"SENDING")
        assert server.command("HGET", KEPT, "a") == b"1"


async def test_another_host_that_cannot_read_them_does_not_believe_its_own(
    server: Server, hosts: tuple[Path, Path]
) -> None:
    old = Cabinet(hosts[0] / "links.db")
    await old.put("a", b"old")
    await old.close()
    server.kill()
    async with opened(server, hosts[0], continued=False) as cabinet:
        with pytest.raises(CabinetError):
            await cabinet.all()
    server.start()
