"""POST /v1/calls: who may have whom called. What becomes of it: calls/test_placed."""

from __future__ import annotations

from splitter.calls.asks import PlacedCall
from splitter.web.calls import placing
from tests.web.kit import Gateway, Web

WISH = {"number": "13900001111"}


class TestACall:
    async def test_is_begun_for_ones_own_desk(self, parts: Gateway, outside: Web) -> None:
        async with outside.request("POST", "/v1/calls", "desk", json={**WISH, "video": True}) as response:
            assert response.status == 201 and response.headers["Location"] == "/v1/calls/placed"
            assert await response.json() == {"call_id": "placed"}
        [wish] = parts.calls.placed
        assert isinstance(wish, PlacedCall) and (wish.extension, wish.number, wish.video) == (
            "501",
            WISH["number"],
            True,
        )

    async def test_is_begun_for_any_desk_by_cti(self, parts: Gateway, outside: Web) -> None:
        status, _ = await outside.ask("POST", "/v1/calls", "controller", json={**WISH, "extension": "7"})
        assert status == 201 and parts.calls.placed[0].extension == "7"
        assert await outside.code("POST", "/v1/calls", "controller", json=WISH) == (422, "no-extension")

    async def test_is_not_begun_for_another_desk_nor_by_a_reader(self, parts: Gateway, outside: Web) -> None:
        other = {**WISH, "extension": "7"}
        assert await outside.code("POST", "/v1/calls", "desk", json=other) == (403, "wrong-scope")
        assert await outside.code("POST", "/v1/calls", "reader", json=other) == (403, "wrong-scope")
        assert not parts.calls.placed

    async def test_is_not_begun_again_and_again(self, parts: Gateway, outside: Web) -> None:
        for _ in range(placing.MOST):
            assert (await outside.ask("POST", "/v1/calls", "desk", json=WISH))[0] == 201
        assert await outside.code("POST", "/v1/calls", "desk", json=WISH) == (429, "too-many")
        parts.clock.time += placing.FADE_S + 0.1
        assert (await outside.ask("POST", "/v1/calls", "desk", json=WISH))[0] == 201
