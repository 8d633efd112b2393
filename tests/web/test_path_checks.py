"""/v1/path-checks: a transport of a browser's that leads nowhere, for a moment."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest
from aiohttp.test_utils import make_mocked_request

from splitter.calls.browsers.path_checks import CHECKS_LIMIT, LASTS_S, PathChecks
from splitter.core.clock import SystemClock
from splitter.core.errors import MediaUnavailable, PeerError
from splitter.core.ids import IdSource
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from splitter.web.access.auth import BEARER
from splitter.web.access.bearer import Bearer
from splitter.web.calls.path_checks import PathCheckRoutes
from splitter.web.http.errors import ApiError
from tests.world.adapters import FakeAdapters
from tests.world.loop import VirtualLoop


def offer(name: str = "H264") -> Session:
    lines = (
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n"
        "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=sendrecv\r\na=rtcp-mux\r\n"
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=rtpmap:96 {name}/90000\r\n"
        "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
    )
    return parse(lines.encode())


def checks() -> tuple[PathChecks, FakeAdapters]:
    engine = FakeAdapters(lambda network: "192.0.2.1")
    return PathChecks(engine, "web", IdSource()), engine


class TestChecks:
    async def test_are_answered_as_in_a_call_and_closed_when_asked(self) -> None:
        made, engine = checks()
        id, answer = await made.begin("desk", offer())
        assert b"a=inactive" in write(answer)
        assert b"a=candidate:" in write(answer)
        assert len(engine.open) == 1
        await made.end("somebody else", id)
        assert len(made) == 1
        await made.end("desk", id)
        assert (len(made), len(engine.open)) == (0, 0)

    async def test_of_one_owner_end_each_other(self) -> None:
        made, engine = checks()
        for _ in range(5):
            await made.begin("desk", offer())
        assert (len(made), len(engine.open)) == (1, 1)

    async def test_are_bounded(self) -> None:
        made, engine = checks()
        for number in range(CHECKS_LIMIT):
            await made.begin(f"desk {number}", offer())
        with pytest.raises(MediaUnavailable):
            await made.begin("one more", offer())
        assert len(engine.open) == CHECKS_LIMIT

    async def test_of_too_many_are_no_lack_of_media(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The desk would say that the gateway has no resources for video, in the morning when all sign in."""
        made, _ = checks()
        for number in range(CHECKS_LIMIT):
            await made.begin(f"desk {number}", offer())
        monkeypatch.setattr("splitter.web.calls.path_checks.read_body", AsyncMock(return_value=write(offer())))
        request = make_mocked_request("POST", "/v1/path-checks")
        request[BEARER] = Bearer("one more", frozenset())
        with pytest.raises(ApiError) as refused:
            await PathCheckRoutes(made, SystemClock()).begin(request)
        assert (refused.value.status, refused.value.code) == (429, "too-many")
        assert "Retry-After" in (refused.value.headers or {})

    async def test_of_a_browser_without_h264_are_refused_and_leave_nothing(self) -> None:
        made, engine = checks()
        with pytest.raises(PeerError):
            await made.begin("desk", offer("VP8"))
        assert (len(made), len(engine.open)) == (0, 0)


def test_end_by_themselves() -> None:
    loop = VirtualLoop()
    loop.enter()
    try:
        made, engine = checks()
        begun = loop.create_task(made.begin("desk", offer()))
        loop.run_until(begun.done, 1.0)
        loop.run_until(lambda: False, LASTS_S - 1)
        assert len(engine.open) == 1
        loop.run_until(lambda: False, 2.0)
        assert (len(made), len(engine.open)) == (0, 0)
    finally:
        loop.leave()
        loop.close()
