"""POST /v1/test-calls: who may let a test caller in, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path

from splitter.calls.routing import Routing
from splitter.calls.settings import Role, Trunk, parse_peer
from splitter.core.net import Address, Flow
from splitter.web.status import lending
from tests.patience import until
from tests.web.kit import web

SOURCE = Address("192.0.2.10", 40_000)
FLOW = Flow("access", "udp", Address("192.0.2.1", 5060), SOURCE)
WISH = {"source": str(SOURCE), "trunk": "sbc"}
PATH = "/v1/test-calls"


def routing() -> Routing:
    return Routing(
        {
            "sbc": Trunk("sbc", Role.ACCESS, "access", (parse_peer("192.0.2.1"),)),
            "pbx": Trunk("pbx", Role.CENTRE, "core", ()),
        },
        (),
    )


class TestATestCaller:
    async def test_is_let_in_for_a_while(self, tmp_path: Path) -> None:
        made = routing()
        async with web(tmp_path, lender=made) as (parts, outside):
            status, body = await outside.ask("POST", PATH, "admin", json={**WISH, "for_s": 0.05})
            assert status == 201 and body == {"trunk": "sbc", "source": str(SOURCE), "until": parts.clock.wall() + 0.05}
            await until(lambda: made.trunk_of(FLOW) is None)
            assert parts.calls.tests_ended == [SOURCE], "a call of it that still lives has lost its probe"
            await outside.ask("POST", PATH, "admin", json={**WISH, "for_s": 0.05})
            await outside.ask("POST", PATH, "admin", json={**WISH, "for_s": 300})
            await asyncio.sleep(0.1)
            assert made.is_lent(FLOW), "asked once more, the time begins anew"

    async def test_is_let_in_by_nobody_but_operators(self, tmp_path: Path) -> None:
        made = routing()
        async with web(tmp_path, lender=made) as (_, outside):
            for token in ("desk", "reader", "controller"):
                assert (await outside.code("POST", PATH, token, json=WISH))[0] == 403
            assert await outside.code("POST", PATH, "admin", json={**WISH, "source": "here"}) == (422, "bad-source")
            itself = {**WISH, "source": "192.0.2.1:5060"}
            assert await outside.code("POST", PATH, "admin", json=itself) == (422, "bad-source"), (
                "people call from there"
            )
            assert await outside.code("POST", PATH, "admin", json={**WISH, "trunk": "pbx"}) == (422, "no-such-trunk")
            assert made.loans == 0

    async def test_is_one_of_few(self, tmp_path: Path) -> None:
        async with web(tmp_path, lender=routing()) as (_, outside):
            for number in range(lending.MOST):
                wish = {**WISH, "source": f"192.0.2.10:{40_000 + number}"}
                assert (await outside.ask("POST", PATH, "admin", json=wish))[0] == 201
            assert await outside.code("POST", PATH, "admin", json={**WISH, "source": "192.0.2.10:1"}) == (
                429,
                "too-many",
            )
            assert (await outside.ask("POST", PATH, "admin", json=WISH))[0] == 201, "one that is in already may stay"
