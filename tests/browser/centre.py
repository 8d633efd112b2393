"""A voice call centre in this process: it rings, answers as an agent, and plays that agent's tone. Does I/O.

The centre of the interop tests is an independent stack; here it only has to be quick and to name its agent.
"""

from __future__ import annotations

import asyncio

from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall
from splitter.lab.audio import AudioStream
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect, MediaParty
from splitter.lab.tone import Tone
from splitter.sip.message import Request

AGENT_HZ, CALLER_HZ = 660.0, 1000.0
_CALLS = 4


class Centre:
    """Takes calls for one extension after the other. `port`: of its SIP; 0 for any that is free.

    Attributes:
        extension: of the agent who gets the next call; the centre says so in its answer (RFC 3325).
        ring_s: how long the agent lets it ring.
        by_hand: a call does nothing by itself: the test has it ring, and answers it.
        most: calls in all; to be changed before it starts.
        calls: that came, oldest first; `invites` are their INVITEs.
        voices: what was heard in each.
    """

    def __init__(self, host: str, extension: str = "2001", port: int = 0) -> None:
        self.extension = extension
        self.ring_s = 0.2
        self.by_hand = False
        self.most = _CALLS
        self.calls: list[AgentCall] = []
        self.invites: list[Request] = []
        self.voices: list[AudioStream] = []
        self._host = host
        self._agent = _Phones(self, host, port)
        self._ready: list[AudioStream] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = IdSource()

    @property
    def address(self) -> Address:
        return self._agent.address

    async def start(self) -> None:
        """Listen."""
        await self._agent.start()
        self._ready = [
            await AudioStream.open(self._host, Tone(AGENT_HZ), (CALLER_HZ,), SystemClock(), self._ids)
            for _ in range(self.most)
        ]
        self._agent.new_party = self._party
        self._agent.on_call = self._take

    async def stop(self) -> None:
        """Stop all."""
        for task in self._tasks:
            task.cancel()
        for voice in (*self._ready, *self.voices):
            await voice.close()
        await self._agent.stop()

    def call_id(self, number: int = -1) -> str:
        """The gateway's id of a call, as the INVITE told it."""
        return self.invites[number].headers.get("X-Splitter-Call") or ""

    def _party(self) -> MediaParty:
        self.voices.append(self._ready.pop())
        return MediaParty(self._host, Dialect(picture=VideoLine.NONE), self.voices[-1], None, self._ids)

    def _take(self, call: AgentCall, invite: Request) -> None:
        self.calls.append(call)
        self.invites.append(invite)
        if self.by_hand:
            return
        task = asyncio.create_task(self._answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, call: AgentCall) -> None:
        call.ring()
        await asyncio.sleep(self.ring_s)
        if call.state == "early":
            call.accept()


class _Phones(UserAgent):
    """Says with each answer whose phone it is."""

    def __init__(self, centre: Centre, host: str, port: int) -> None:
        super().__init__("centre", host, port=port)
        self._centre = centre

    def contact(self) -> list[tuple[str, str]]:
        identity = f"<sip:{self._centre.extension}@{self.address.host}>"
        return [("Contact", f"<sip:{self.user}@{self.address}>"), ("P-Asserted-Identity", identity)]
