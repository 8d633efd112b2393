"""A ViLTE handset behind an SBC: speaks a tone, shows a test picture, reports what it heard and saw. Does I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from splitter.core.clock import Clock, SystemClock
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall, Outcome
from splitter.lab.audio import AudioStream
from splitter.lab.consent import Consent
from splitter.lab.party import Dialect, MediaParty
from splitter.lab.tone import Tone
from splitter.lab.video import VideoSettings, VideoStream


@dataclass(frozen=True, slots=True)
class HandsetSettings:
    """The caller, and how it calls.

    Attributes:
        number: the caller's number.
        tone_hz: what the caller speaks; listen_hz: what is listened for.
        video: the test picture; its sender id is the caller's.
        dialect: of the offers.
        consent: what its user says when the other side asks for video.
        behind: address that the gateway names → where it is in fact, where a NAT stands before it and not before us.
    """

    number: str = "13800000000"
    tone_hz: float = 1000.0
    listen_hz: tuple[float, ...] = (440.0, 660.0)
    video: VideoSettings = field(default_factory=lambda: VideoSettings(sender=1, orientation_id=7))
    dialect: Dialect = field(default_factory=Dialect)
    consent: Consent = field(default_factory=Consent)
    behind: Mapping[str, str] = field(default_factory=dict)


class Handset:
    """One handset with at most one call at a time; a new one for each call keeps the reports apart.

    Attributes:
        consent: as in the settings; may be set anew at any time.
    """

    def __init__(self, settings: HandsetSettings, host: str, clock: Clock | None = None) -> None:
        self.settings = settings
        self.consent = settings.consent
        self.agent = UserAgent(settings.number, host, clock)
        self.agent.behind = settings.behind
        self._host = host
        self.clock = clock or SystemClock()
        self._ids = IdSource()
        self._call: AgentCall | None = None
        self._party: MediaParty | None = None
        self._audio: AudioStream | None = None
        self._video: VideoStream | None = None

    async def start(self) -> None:
        """Listen for SIP and bind the media ports."""
        settings = self.settings
        await self.agent.start()
        tone = Tone(settings.tone_hz)
        self._audio = await AudioStream.open(self._host, tone, settings.listen_hz, self.clock, self._ids)
        self._video = await VideoStream.open(self._host, settings.video, self.clock, self._ids)
        self._party = MediaParty(self._host, settings.dialect, self._audio, self._video, self._ids)
        self._party.behind = settings.behind

    async def stop(self) -> None:
        """Free everything; a call that lives is hung up first."""
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
        assert self._call is not None, "dial first"
        return self._call

    @property
    def party(self) -> MediaParty:
        assert self._party is not None, "not started"
        return self._party

    @property
    def audio(self) -> AudioStream:
        assert self._audio is not None, "not started"
        return self._audio

    @property
    def video(self) -> VideoStream:
        assert self._video is not None, "not started"
        return self._video

    def dial(self, number: str, gateway: Address, headers: Iterable[tuple[str, str]] = ()) -> AgentCall:
        """Call a number through the gateway, with the identity that an SBC asserts (RFC 3325)."""
        identity = f"<sip:{self.settings.number}@{self.agent.address};user=phone>"
        extra = [("P-Asserted-Identity", identity), ("P-Access-Network-Info", "3GPP-NR"), *headers]
        self._call = self.agent.place(f"sip:{number}@{gateway}", gateway, self.party, headers=extra)
        self._call.consent = lambda offer: self.consent if self.party.asks_for_video(offer) else None
        return self._call

    async def hold(self) -> Outcome:
        """Put both lines on hold."""
        self.party.held = True
        return await self.call.change()

    async def resume(self) -> Outcome:
        """Take the call back."""
        self.party.held = False
        return await self.call.change()

    async def drop_video(self) -> Outcome:
        """Go on with voice: the video line gets port 0."""
        self.party.with_video = False
        self.video.disconnect()
        return await self.call.change()

    async def add_video(self) -> Outcome:
        """Offer video in the slot that has port 0."""
        self.party.with_video = True
        return await self.call.change()

    async def hang_up(self) -> Outcome | None:
        """BYE or CANCEL, whichever fits; the media stop with it."""
        outcome = await self.call.hang_up()
        self.audio.disconnect()
        self.video.disconnect()
        return outcome
