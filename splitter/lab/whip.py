"""An agent's desk without a person: logs in, hears events, joins its calls by WHIP with a test picture. Does I/O.

It speaks the API as any client would, and its WebRTC is aiortc's own peer connection, so that encryption, RTP, session
descriptions and H.264 of a stranger meet ours (RFC 9725, RFC 8829).

desk = WebSeat(WebSeatSettings(), clock)
await desk.start("http://127.0.0.1:8080", "password")
... desk.place ...          its place in the call that became its own, once it has joined
await desk.ask("POST", f"/v1/calls/{desk.place.call_id}/video")
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import av
import numpy as np
from aioice import Candidate
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import VIDEO_TIME_BASE, MediaStreamError

from splitter.core.clock import Clock, SystemClock
from splitter.lab.codec import CLOCK_RATE, VideoShape
from splitter.lab.picture import draw, luma_of
from splitter.lab.sight import Sight

_LOGIN_LIMIT_S = 60.0
_ASK_LIMIT_S = 60.0
_SDP = "application/sdp"


class DeskFailed(Exception):
    """The API refused what the desk cannot do without; the text says what and why."""


@dataclass(frozen=True, slots=True)
class WebSeatSettings:
    """The agent at a desk. `sender` is its id in the test picture; `behind` as of a handset."""

    user: str = "2001"
    sender: int = 8
    shape: VideoShape = field(default_factory=VideoShape)
    client: str = "lab-desk"
    behind: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiReply:
    """What the API answered; `body` is decoded where it is JSON."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    def in_words(self) -> str:
        """ "409 asking: the caller is being asked", or the status alone."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return f"{self.status} {error['code']}: {error['message']}" if error else str(self.status)


@dataclass(slots=True)
class Place:
    """The desk's place in one call.

    Attributes:
        name: of its party; path: of its resource.
        took_s: from the event that told of the call to the end of the handshakes.
        sight: what it sees there.
    """

    call_id: str
    name: str
    path: str
    peer: RTCPeerConnection
    took_s: float
    sight: Sight = field(default_factory=Sight)

    @property
    def cipher(self) -> str:
        """The cipher that seals the packets."""
        tls = self.peer.getSenders()[0].transport._ssl  # nobody else tells it
        return tls.get_selected_srtp_profile().decode() if tls is not None else "nothing"


class WebSeat:
    """One desk, in at most one call at a time.

    Attributes:
        calls: the newest view of each call that it was told of, ended ones included.
        states: where each call's video stood, in order.
        notices: codes, in order.
        refusals: why it could not join.
        place: in the call that it is in, None in none.
    """

    def __init__(
        self,
        settings: WebSeatSettings,
        host: str,
        clock: Clock | None = None,
        connector: aiohttp.BaseConnector | None = None,
    ) -> None:
        """`host`: the address that its video uses; `connector`: how it reaches the API, where that is not plain."""
        self.settings = settings
        self.clock = clock or SystemClock()
        self.calls: dict[str, dict[str, Any]] = {}
        self.states: dict[str, list[str]] = {}
        self.notices: list[str] = []
        self.refusals: list[str] = []
        self.place: Place | None = None
        self._host = host
        self._connector = connector
        self._api = self._token = self.extension = ""
        self._http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._joining = ""

    async def start(self, api: str, password: str) -> None:
        """Log in and go online.

        Raises:
            DeskFailed: the login was refused.
        """
        self.open(api)
        reply = await self.ask("POST", "/v1/login", json={"user": self.settings.user, "password": password})
        if not reply.accepted:
            raise DeskFailed(f"the login was refused: {reply.in_words()}")
        self._token, self.extension = reply.body["token"], reply.body["extension"]
        async with asyncio.timeout(_LOGIN_LIMIT_S):
            socket = await self._session.ws_connect(
                f"{api}/v1/events?client={self.settings.client}", protocols=("splitter.v1", f"bearer.{self._token}")
            )
        self._start(self._listen(socket))

    def open(self, api: str) -> None:
        """Know where the API is; nothing is asked yet. Where it trusts whoever reaches it, nobody has to log in."""
        self._api = api
        self._http = aiohttp.ClientSession(connector=self._connector, timeout=aiohttp.ClientTimeout(total=_ASK_LIMIT_S))

    async def join(self, call_id: str) -> Place | None:
        """Join a call that need not be our own; None where we are refused, see `refusals`."""
        await self._join(call_id, self.clock.now())
        return self.place

    async def stop(self) -> None:
        """Leave the call and go offline."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.leave()
        if self._http is not None:
            await self._http.close()

    async def leave(self) -> None:
        """Leave the call; it goes on without us."""
        place, self.place = self.place, None
        if place is not None:
            try:
                await self.ask("DELETE", place.path)
            except (aiohttp.ClientError, TimeoutError):
                pass  # the gateway is gone, and the place with it
            await place.peer.close()

    async def ask(self, method: str, path: str, **more: Any) -> ApiReply:
        """Ask the API; `more` is aiohttp's: json, data, headers."""
        headers = {**({"Authorization": f"Bearer {self._token}"} if self._token else {}), **more.pop("headers", {})}
        async with self._session.request(method, self._api + path, headers=headers, **more) as response:
            body = await response.json() if response.content_type == "application/json" else await response.read()
            return ApiReply(response.status, body, dict(response.headers))

    @property
    def _session(self) -> aiohttp.ClientSession:
        assert self._http is not None, "not started"
        return self._http

    # ---- events ----

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for message in socket:
                event = json.loads(message.data)
                if event["type"] == "call":
                    await self._told(event["call"], event.get("gone", False))
                elif event["type"] == "notice":
                    self.notices.append(event["notice"]["code"])
        finally:
            await socket.close()

    async def _told(self, call: dict[str, Any], gone: bool) -> None:
        call_id = call["call_id"]
        self.calls[call_id] = call
        states = self.states.setdefault(call_id, [])
        if not states or states[-1] != call["video"]["state"]:
            states.append(call["video"]["state"])
        if self.place is not None and self.place.call_id == call_id and (gone or call["state"] == "ended"):
            place, self.place = self.place, None
            await place.peer.close()
        own = call["state"] == "connected" and call["extension"] == self.extension and not gone
        if own and self.place is None and self._joining != call_id:
            self._joining = call_id
            self._start(self._join(call_id, self.clock.now()))

    # ---- video ----

    async def _join(self, call_id: str, told_at: float) -> None:
        peer, sight = RTCPeerConnection(), Sight()
        try:
            path = await self._connect(peer, call_id, sight)
        except BaseException:
            await peer.close()
            raise
        if path:
            name = path.rpartition("/")[2]
            self.place = Place(call_id, name, path, peer, self.clock.now() - told_at, sight)
        else:
            await peer.close()

    async def _connect(self, peer: RTCPeerConnection, call_id: str, sight: Sight) -> str:
        """Offer, answer, handshakes; the path of our place, or "" where it was refused."""
        peer.add_listener("track", lambda track: self._start(self._watch(track, sight)))
        connected = asyncio.Event()

        @peer.on("connectionstatechange")
        def _changed() -> None:
            if peer.connectionState == "connected":
                connected.set()

        line = peer.addTransceiver(Camera(self.settings.sender, self.settings.shape, self.clock))
        line.setCodecPreferences(_h264())
        _stay_on(self._host, line.sender)
        await peer.setLocalDescription(await peer.createOffer())
        reply = await self.ask(
            "POST",
            f"/v1/calls/{call_id}/parties?client={self.settings.client}",
            data=peer.localDescription.sdp.encode(),
            headers={"Content-Type": _SDP},
        )
        if not reply.accepted:
            self.refusals.append(reply.in_words())
            return ""
        answer = _here(reply.body.decode(), self.settings.behind)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await connected.wait()
        return reply.headers["Location"]

    async def _watch(self, track: MediaStreamTrack, sight: Sight) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
                picture = np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)
                sight.frame(luma_of(picture), self.clock.now(), int(self.clock.wall() * 1000))
        except MediaStreamError:
            pass  # it has ended

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Camera(MediaStreamTrack):
    """Draws a sender's test picture, at its rate."""

    kind = "video"

    def __init__(self, sender: int, shape: VideoShape, clock: Clock) -> None:
        super().__init__()
        self._sender = sender
        self._shape = shape
        self._clock = clock
        self._counter = 0
        self._due = clock.now()

    async def recv(self) -> av.VideoFrame:
        """The next frame, when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        interval = 1 / self._shape.frames_per_s
        await asyncio.sleep(max(0.0, self._due - self._clock.now()))
        now = self._clock.now()
        self._due = max(self._due + interval, now)  # after a stall go on, without a burst
        wall_ms = int(self._clock.wall() * 1000)
        picture = draw(self._sender, self._counter, wall_ms, self._shape.width, self._shape.height)
        self._counter += 1
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = int(now * CLOCK_RATE), VIDEO_TIME_BASE
        return frame


def _here(answer: str, behind: Mapping[str, str]) -> str:
    """An answer whose candidates are where they are in fact."""
    for named, host in behind.items():
        answer = answer.replace(f" {named} ", f" {host} ")
    return answer


def _h264() -> list[Any]:
    return [codec for codec in RTCRtpSender.getCapabilities("video").codecs if codec.mimeType == "video/H264"]


def _stay_on(host: str, sender: RTCRtpSender) -> None:
    """Let ICE use that address alone: by itself it never uses loopback, and the lab stays off other networks."""
    connection = sender.transport.transport.iceGatherer._connection
    gather = connection.get_component_candidates

    async def gather_there(component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        return await gather(component, [host], timeout)

    connection.get_component_candidates = gather_there  # type: ignore[method-assign]
