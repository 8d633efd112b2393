"""An agent's seat as a SIP client with video alone: joins a call, shows a picture, watches the caller. Does I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall, Outcome
from splitter.lab.party import Dialect, MediaParty
from splitter.lab.video import VideoSettings, VideoStream


@dataclass(frozen=True, slots=True)
class SeatSettings:
    """The agent at a seat. `video.sender` is the seat's id in its test picture."""

    extension: str = "2001"
    video: VideoSettings = field(default_factory=lambda: VideoSettings(sender=7))
    dialect: Dialect = field(default_factory=lambda: Dialect(seat=True))


class Seat:
    """One seat with at most one call at a time."""

    def __init__(self, settings: SeatSettings, host: str, clock: Clock | None = None) -> None:
        self.settings = settings
        self.agent = UserAgent(settings.extension, host, clock)
        self._host = host
        self.clock = clock or SystemClock()
        self._ids = IdSource()
        self._call: AgentCall | None = None
        self._video: VideoStream | None = None
        self._party: MediaParty | None = None

    async def start(self) -> None:
        """Listen for SIP and bind the media ports."""
        await self.agent.start()
        self._video = await VideoStream.open(self._host, self.settings.video, self.clock, self._ids)
        self._party = MediaParty(self._host, self.settings.dialect, None, self._video, self._ids)

    async def stop(self) -> None:
        """Free everything; a call that lives is left first."""
        if self._call is not None and self._call.state != "ended":
            try:
                await self._call.hang_up(limit_s=2.0)
            except TimeoutError:
                pass
        if self._party is not None:
            await self._party.close()
        await self.agent.stop()

    @property
    def call(self) -> AgentCall:
        assert self._call is not None, "join first"
        return self._call

    @property
    def party(self) -> MediaParty:
        assert self._party is not None, "not started"
        return self._party

    @property
    def video(self) -> VideoStream:
        assert self._video is not None, "not started"
        return self._video

    def join(self, target: str, gateway: Address) -> AgentCall:
        """Join the call that `target` names: its call id, its short code or the caller's number."""
        self._call = self.agent.place(f"sip:{target}@{gateway}", gateway, self.party)
        return self._call

    async def leave(self) -> Outcome | None:
        """Leave the call; it goes on without us."""
        outcome = await self.call.hang_up()
        self.video.disconnect()
        return outcome
