"""POST /v1/test-calls: an address of `splitter probe` may call for a while, as a trunk's own. Does I/O through aiohttp.

Its calls go the way of all others, and are marked as test calls. One that still lives when the loan ends is hung up:
its probe was killed. Nothing is written down: a restart ends each loan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.core.keys import ValueProblem
from splitter.core.net import Address
from splitter.core.values import parse_address
from splitter.web.http.bodies import read_json
from splitter.web.http.errors import ApiError, json_response
from splitter.web.http.routes import JSON, JSON_BYTES, Body
from splitter.web.ports import Lender
from splitter.web.status.shapes import Loan, LoanWish

LOAN_BODY = Body((JSON,), JSON_BYTES, LoanWish)
MOST = 8


class LendingRoutes:
    """Handler of POST /v1/test-calls.

    Args:
        end_test: hangs up the test calls of a source.
    """

    def __init__(self, lender: Lender | None, clock: Clock, end_test: Callable[[Address], None]) -> None:
        self._lender = lender
        self._clock = clock
        self._end_test = end_test
        self._ends: dict[Address, asyncio.TimerHandle] = {}

    async def lend(self, request: web.Request) -> web.Response:
        """Let this source call as a test caller; asked once more for it, the time begins anew."""
        wish = await read_json(request, LOAN_BODY, LoanWish)
        try:
            source = parse_address(wish.source)
        except ValueProblem as error:
            raise ApiError(422, "bad-source", str(error)) from error
        if self._lender is None or (self._lender.loans >= MOST and source not in self._ends):
            raise ApiError(429, "too-many", "as many test callers as can be are there", {"Retry-After": "60"})
        try:
            trunk = self._lender.lend(wish.trunk, source)
        except ValueProblem as error:
            raise ApiError(422, "bad-source", str(error)) from error
        except LocalError as error:
            raise ApiError(422, "no-such-trunk", str(error)) from error
        self._end(source)
        self._ends[source] = asyncio.get_running_loop().call_later(wish.for_s, self._over, source)
        return json_response(Loan(trunk.name, str(source), self._clock.wall() + wish.for_s), 201)

    def _over(self, source: Address) -> None:
        self._end(source)
        if self._lender is not None:
            self._lender.take_back(source)
        self._end_test(source)

    def _end(self, source: Address) -> None:
        if (handle := self._ends.pop(source, None)) is not None:
            handle.cancel()
