"""Who listens to forks: a WebSocket server that notes what comes."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from splitter.media.forward.fork_streams import HEAD


@dataclass
class Connection:
    """What came over one connection. `words`: JSON; `frames`: (stream, flags, degrees, microseconds, data)."""

    token: str | None
    words: list[dict[str, Any]] = field(default_factory=list)
    frames: list[tuple[int, int, int, int, bytes]] = field(default_factory=list)

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.words if one["type"] == kind]

    def streams(self) -> dict[int, dict[str, Any]]:
        """The streams, by their ids."""
        named = [stream for start in self.said("start") for stream in start["streams"]]
        return {one["id"]: one for one in (*named, *(more["stream"] for more in self.said("stream")))}

    def of(self, stream: int) -> list[tuple[int, int, int, int, bytes]]:
        return [one for one in self.frames if one[0] == stream]


class Listener:
    """A WebSocket server.

    Attributes:
        connections: that there were. reads: whether it reads what comes. hang_up_after: so many frames.
        chatters: says more than anybody reads. refuses: with this status. sends_to: another place, rather.
    """

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.hang_up_after = 0
        self.refuses = 0
        self.chatters = False
        self.sends_to = ""
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/calls", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # else as much as the kernel likes
        listening.bind(("127.0.0.1", 0))
        await web.SockSite(self._runner, listening).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"ws://{host}:{port}/calls?key=hidden"

    async def stop(self) -> None:
        self.reads.set()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.sends_to:
            raise web.HTTPFound(self.sends_to)
        if self.refuses:
            return web.Response(status=self.refuses)
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        one = Connection(request.headers.get("Authorization"))
        self.connections.append(one)
        await self.reads.wait()
        while self.chatters and not answer.closed:
            await answer.send_str("and so on")
        async for message in answer:
            if message.type is WSMsgType.TEXT:
                one.words.append(json.loads(message.data))
            else:
                one.frames.append((*HEAD.unpack_from(message.data), message.data[HEAD.size :]))
            if self.hang_up_after and len(one.frames) >= self.hang_up_after:
                await answer.close()
        return answer


def samples_of(frames: list[tuple[int, int, int, int, bytes]]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(one[4] for one in frames), "<i2")
