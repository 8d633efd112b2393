"""A test call through a running gateway: a handset on a real trunk, a desk by its API, judged from outside. Does I/O.

The gateway lends the handset's address the place of a trunk's peer, so that nothing is configured for it, and marks the
call as a test call in its trace and records. Whatever becomes of the probe, its call is hung up.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from splitter.core.net import Address
from splitter.lab.consent import Consent
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.rows import (
    CALLER_HZ,
    CALLER_ID,
    DESK_ID,
    FRAMES,
    HEARD_S,
    STEP_LIMIT_S,
    Check,
    Deadline,
    clean,
    pictures,
    until,
)
from splitter.lab.whip import ApiReply, WebSeat, WebSeatSettings

_API = "http://splitter"  # over its control socket
_SENT = 25  # packets of voice: half a second
_LOOK_S = 0.1
_STEPS = 6
_LOAN_S = 30.0  # longer than the call may take: its BYE has to be heard
_LINGER_S = 5.0  # what is still under way may end


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """The number and the way of a test call.

    Attributes:
        number, caller: who calls whom. trunk: whose caller it is to be.
        gateway: where it hears SIP of that trunk. host: our address; desk_host: that of the desk's video.
        control_socket: of the gateway.
        echo: the number sends back what it hears. tones_hz: it plays these.
        asks: the call begins with voice, and the caller is asked for video.
        limit_s: of all together.
        behind: address that the gateway names → where it is in fact, where a NAT stands before it.
    """

    number: str
    caller: str
    trunk: str
    gateway: Address
    host: str
    desk_host: str
    control_socket: str
    echo: bool = False
    tones_hz: tuple[float, ...] = ()
    asks: bool = False
    limit_s: float = 90.0
    behind: Mapping[str, str] = field(default_factory=dict)


class ProbeRefused(Exception):
    """The gateway lets no test call in; the text says why."""


class TrialCall:
    """One test call.

    Attributes:
        checks: what was judged, in order. unjudged: what could not be, each with the reason.
    """

    def __init__(self, plan: ProbePlan, progress: Callable[[str], None]) -> None:
        self.checks: list[Check] = []
        self.unjudged: list[tuple[str, str]] = []
        self._plan = plan
        self._progress = progress
        self._call_id = ""
        self._dialled = False
        self._step_s = min(STEP_LIMIT_S, plan.limit_s / _STEPS)  # so that what does not come leaves time for the rest
        settings = HandsetSettings(
            number=plan.caller, listen_hz=(CALLER_HZ, *plan.tones_hz), consent=Consent(), behind=plan.behind
        )
        self._handset = Handset(settings, plan.host)
        desk = WebSeatSettings(sender=DESK_ID, client=f"probe-{secrets.token_hex(4)}", behind=plan.behind)
        self._desk = WebSeat(desk, plan.desk_host, connector=aiohttp.UnixConnector(plan.control_socket))

    async def run(self) -> None:
        """Call, judge, and hang up.

        Raises:
            ProbeRefused: no call was made.
            OSError: no socket could be opened at our address, or the gateway is gone.
            aiohttp.ClientError: the gateway went away.
        """
        await self._handset.start()
        try:
            self._desk.open(_API)
            reply = await self._ask_in(self._plan.limit_s + _LOAN_S)
            if not reply.accepted:
                raise ProbeRefused(reply.in_words())
            try:
                async with asyncio.timeout(self._plan.limit_s):
                    await self._play()
            except TimeoutError:
                self._row("the probe ends in time", False, f"it took longer than {self._plan.limit_s:g} s")
            finally:
                await self._end()
                with suppress(OSError, aiohttp.ClientError):
                    await self._ask_in(_LINGER_S)  # few may be in at once, and another one may be next
        finally:
            await self._desk.stop()
            await self._handset.stop()

    # ---- the call ----

    async def _ask_in(self, for_s: float) -> ApiReply:
        """Be let in for so long from now on."""
        wish = {"source": str(self._handset.agent.address), "trunk": self._plan.trunk, "for_s": for_s}
        return await self._desk.ask("POST", "/v1/test-calls", json=wish)

    async def _play(self) -> None:
        plan, handset = self._plan, self._handset
        handset.party.with_video = not plan.asks
        self._progress(f"calling {plan.number} on trunk {plan.trunk}, {'voice alone' if plan.asks else 'with video'}")
        call = handset.dial(plan.number, plan.gateway)
        self._dialled, begun = True, handset.clock.now()
        outcome = await call.answered(plan.limit_s)
        took_s = handset.clock.now() - begun
        self._row("the call is answered", outcome.accepted, f"{outcome.status} {outcome.reason} after {took_s:.1f} s")
        if not outcome.accepted:
            return
        view = await self._view()
        if view is None:
            self._row("the gateway shows the call", False, "none of its calls has our Call-ID")
            return
        await self._voices()
        if plan.asks:
            await self._asked()
        await self._first_picture(view)
        await self._desk_comes()
        await self._voice_goes_on()

    async def _end(self) -> None:
        """Hang up, and see the call end; by the API where SIP does not do it."""
        if not self._dialled:
            return
        handset = self._handset
        answered = handset.call.state == "confirmed"
        self._progress("hanging up")
        try:
            await handset.call.hang_up(limit_s=self._step_s)
            said = "BYE was answered" if answered else "the call was over"
        except TimeoutError:
            said = "nobody answered our hanging up"
        if not self._call_id:
            await self._view()
        if not self._call_id:
            return
        view = await self._ended()
        if view.get("state") != "ended":
            await self._desk.ask("DELETE", f"/v1/calls/{self._call_id}")
            self._row("the caller hangs up, and the call is over", False, f"{said}; it was ended by the API")
            return
        if answered:
            marked = bool(view.get("test"))
            words = f"{said}; {view['end_reason']}; its record says that it was {'a' if marked else 'NO'} test call"
            self._row("the caller hangs up, and the call is over", marked, words)

    async def _ended(self) -> dict[str, Any]:
        deadline = Deadline(self._step_s)
        while (view := await self._shown()).get("state") != "ended" and not deadline.passed:  # noqa: ASYNC110 — of another process
            await asyncio.sleep(_LOOK_S)
        return view

    async def _view(self) -> dict[str, Any] | None:
        """Our call, found by the Call-ID of our leg."""
        reply = await self._desk.ask("GET", "/v1/calls?limit=1000")
        for view in reply.body["calls"] if reply.accepted else ():
            if any(leg["sip_call_id"] == self._handset.call.sip_call_id for leg in view["legs"]):
                self._call_id = view["call_id"]
                found: dict[str, Any] = view
                return found
        return None

    async def _shown(self) -> dict[str, Any]:
        reply: ApiReply = await self._desk.ask("GET", f"/v1/calls/{self._call_id}")
        return dict(reply.body) if reply.accepted else {}

    # ---- voice ----

    async def _voices(self) -> None:
        plan, hearing = self._plan, self._handset.audio.hearing
        self._progress("answered: listening, and speaking")
        wanted = (*((CALLER_HZ,) if plan.echo else ()), *plan.tones_hz)
        if wanted:
            ok = await until(lambda: all(hearing.seconds(tone) >= HEARD_S for tone in wanted), self._step_s)
        else:
            ok = await until(lambda: hearing.loud_s >= HEARD_S, self._step_s)
        packets = self._handset.audio.counts.packets_in
        words = f"{hearing.loud_s:.1f} s of sound in {packets} packets; tones: {hearing.in_words()}"
        self._row("the caller hears the centre", ok, words if hearing.loud_s or not packets else f"{words}: silence")
        await self._centre_is_sent()

    async def _centre_is_sent(self) -> None:
        """An echo proves it; without one the counts of the gateway, and what the centre's RTCP says, have to do."""
        name = "the centre gets the caller's voice"
        if self._handset.audio.hearing.seconds(CALLER_HZ) >= HEARD_S:
            self._row(name, True, "our own tone comes back")
            return
        if self._plan.echo:
            self._row(name, False, "our own tone does not come back")
            return
        deadline = Deadline(self._step_s)
        while (sent := await self._sent())[0] < _SENT and not deadline.passed:  # noqa: ASYNC110 — of another process
            await asyncio.sleep(_LOOK_S)
        packets, lost = sent
        heard = "its RTCP says nothing of them" if lost < 0 else f"its RTCP says that {lost} were lost"
        self._row(name, packets >= _SENT and lost <= packets / 2, f"{packets} packets went there; {heard}")

    async def _sent(self) -> tuple[int, int]:
        reply = await self._desk.ask("GET", f"/v1/calls/{self._call_id}/quality")
        for one in reply.body["carried"] if reply.accepted else ():
            if (one["name"].startswith("centre"), one["kind"]) == (True, "audio"):
                return one["packets_out"], one["lost_there"]
        return 0, -1

    async def _voice_goes_on(self) -> None:
        hearing = self._handset.audio.hearing
        before = hearing.loud_s
        ok = await until(lambda: hearing.loud_s >= before + HEARD_S, self._step_s)
        gap_ms = self._handset.audio.counts.longest_gap_s * 1000
        words = f"{hearing.loud_s - before:.1f} s more of sound; the longest gap between packets was {gap_ms:.0f} ms"
        self._row("the voice goes on beside the video", ok and self._handset.call.state == "confirmed", words)

    # ---- video ----

    async def _asked(self) -> None:
        self._progress("asking the caller for video, who accepts")
        reply = await self._desk.ask("POST", f"/v1/calls/{self._call_id}/video")
        deadline = Deadline(self._step_s)
        video: dict[str, Any] = {}
        while not deadline.passed:
            video = (await self._shown()).get("video", {})
            if video.get("state") == "on" or (video.get("state") == "off" and video.get("outcome")):
                break
            await asyncio.sleep(_LOOK_S)
        words = f"{reply.in_words()}; video {video.get('state', '?')}, {video.get('outcome') or 'no answer'}"
        ok = (video.get("state"), video.get("outcome")) == ("on", "accepted")
        self._row("the caller is asked for video, and accepts", ok, f"{words} {video.get('reason', '')}".rstrip())

    async def _first_picture(self, view: dict[str, Any]) -> None:
        name, sight = "the caller sees a picture at once", self._handset.video.sight
        if self._handset.party.video_format is None:
            fault = (await self._shown()).get("video", view["video"]).get("fault")
            self._row(name, False, f"the gateway answers without video: {fault or 'it says no reason'}")
            return
        ok = await until(lambda: sight.stills >= 2 or sight.frames >= FRAMES, self._step_s)
        self._row(name, ok and not sight.black, f"saw {sight.in_words()}; {sight.black} black frames")

    async def _desk_comes(self) -> None:
        """A desk of ours joins by WHIP; it is seen unless an agent has the call, who is seen then."""
        first, second = "a desk sees the caller", "the caller sees the desk"
        if self._handset.party.video_format is None:
            self.unjudged += [(name, "the call has no video") for name in (first, second)]
            return
        self._progress("a desk of the probe joins with video")
        deadline = asyncio.timeout(self._step_s)
        try:
            async with deadline:
                place = await self._desk.join(self._call_id)
        except TimeoutError:
            if not deadline.expired():
                raise
            self._row("a desk joins with video", False, f"no path was found between {self._plan.desk_host} and itself")
            return
        if place is None:
            self._row("a desk joins with video", False, "; ".join(self._desk.refusals))
            return
        words = f"as {place.name} after {place.took_s * 1000:.0f} ms, sealed with {place.cipher}"
        self._row("a desk joins with video", True, words)
        sight, agent = self._handset.video.sight, str((await self._shown()).get("extension") or "")
        await until(
            lambda: place.sight.rising(CALLER_ID) >= FRAMES and (bool(agent) or sight.rising(DESK_ID) >= FRAMES)
        )
        self._row(first, *clean(place.sight, CALLER_ID))
        if agent and sight.rising(DESK_ID) < FRAMES:
            self.unjudged.append((second, f"the centre gave the call to {agent}, whose desk comes first"))
        else:
            self._row(second, *pictures(sight, DESK_ID))

    def _row(self, name: str, ok: bool, detail: str) -> None:
        self.checks.append(Check(name, ok, detail))
