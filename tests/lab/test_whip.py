"""The lab's desk against an API that is not ours: what it asks, and what it makes of refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiortc import RTCPeerConnection

from splitter.core.clock import SystemClock
from splitter.lab.codec import VideoShape
from splitter.lab.picture import luma_of, read
from splitter.lab.whip import ApiReply, Camera, DeskFailed, WebSeat, WebSeatSettings, _stay_on
from tests.patience import until

CALL = {"call_id": "c1", "state": "connected", "extension": "2001", "bound_by": "cti", "video": {"state": "off"}}


class Api:
    """Answers as it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.offers: list[tuple[str, str]] = []
        self.protocols: list[str] = []
        self.events: list[dict[str, Any]] = []

    async def login(self, request: web.Request) -> web.Response:
        wish = await request.json()
        if wish != {"user": "2001", "password": "right"}:
            error = {"status": 401, "code": "wrong-login", "message": "no such user"}
            return web.json_response({"error": error}, status=401)
        return web.json_response({"token": "T", "extension": "2001"})

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        self.protocols = request.headers["Sec-WebSocket-Protocol"].replace(" ", "").split(",")
        socket = web.WebSocketResponse(protocols=("splitter.v1",))
        await socket.prepare(request)
        for event in self.events:
            await socket.send_str(json.dumps(event))
        async for _ in socket:
            pass
        return socket

    async def join(self, request: web.Request) -> web.Response:
        self.offers.append((str(request.rel_url), await request.text()))
        error = {"status": 406, "code": "no-h264", "message": "no H.264 baseline"}
        return web.json_response({"error": error}, status=406)


@asynccontextmanager
async def serving(api: Api) -> AsyncIterator[Api]:
    app = web.Application()
    app.router.add_post("/v1/login", api.login)
    app.router.add_get("/v1/events", api.listen)
    app.router.add_post("/v1/calls/c1/parties", api.join)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()


class TestLogin:
    async def test_a_refusal_says_why(self) -> None:
        desk = WebSeat(WebSeatSettings(), "127.0.0.1")
        async with serving(Api()) as api:
            with pytest.raises(DeskFailed, match="401 wrong-login: no such user"):
                await desk.start(api.address, "wrong")
            await desk.stop()


class TestJoining:
    async def test_own_calls_alone_once_each_and_a_refusal_is_kept(self) -> None:
        api = Api()
        other = {**CALL, "call_id": "c2", "extension": "2002"}
        ringing = {**CALL, "state": "ringing"}
        api.events = [{"type": "call", "call": call} for call in (other, ringing, CALL, CALL)]
        api.events.append({"type": "notice", "notice": {"code": "bound"}})
        async with serving(api):
            desk = WebSeat(WebSeatSettings(), "127.0.0.1")
            await desk.start(api.address, "right")
            await until(lambda: bool(desk.refusals) and bool(desk.notices))
            await desk.stop()
        assert api.protocols == ["splitter.v1", "bearer.T"]
        assert [path for path, _ in api.offers] == ["/v1/calls/c1/parties?client=lab-desk"]
        offered = [line.split()[1] for line in api.offers[0][1].splitlines() if line.startswith("a=rtpmap")]
        assert "H264/90000" in offered and "VP8/90000" not in offered
        assert desk.refusals == ["406 no-h264: no H.264 baseline"]
        assert desk.place is None and desk.notices == ["bound"]

    async def test_it_is_reached_on_loopback_alone(self) -> None:
        peer = RTCPeerConnection()
        line = peer.addTransceiver(Camera(8, VideoShape(), SystemClock()))
        _stay_on("127.0.0.1", line.sender)
        await peer.setLocalDescription(await peer.createOffer())
        offer: str = peer.localDescription.sdp
        await peer.close()
        candidates = [line for line in offer.splitlines() if line.startswith("a=candidate")]
        assert candidates and all(" 127.0.0.1 " in line for line in candidates)


class TestCamera:
    async def test_draws_rising_counters_at_its_rate(self) -> None:
        clock = SystemClock()
        started = clock.now()
        camera = Camera(9, VideoShape(frames_per_s=50), clock)
        for counter in range(6):
            frame = await camera.recv()
            reading = read(luma_of(frame.to_ndarray(format="yuv420p")))  # type: ignore[arg-type]
            assert reading is not None and (reading.sender, reading.counter) == (9, counter)
        assert clock.now() - started >= 5 / 50 * 0.9


def test_a_reply_in_words() -> None:
    assert ApiReply(202, {"call_id": "c1"}, {}).in_words() == "202"
    assert ApiReply(409, {"error": {"code": "asking", "message": "it is"}}, {}).in_words() == "409 asking: it is"
