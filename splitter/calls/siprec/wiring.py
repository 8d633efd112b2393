"""Recorders elsewhere, wired to what a gateway has: SIP, trunks, traces, calls. Not started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from splitter.calls.browsers.switch import Browsers
from splitter.calls.events import CallEvent, RecordedElsewhere
from splitter.calls.recording.recordings import Recordings
from splitter.calls.recording.troubles import Troubles
from splitter.calls.registry import Calls
from splitter.calls.routing import Routing
from splitter.calls.settings import Trunk
from splitter.calls.signalling import Signalling
from splitter.calls.siprec.hunt import RecorderWay
from splitter.calls.siprec.parts import LEG, SessionParts
from splitter.calls.siprec.recorders import Recorders
from splitter.calls.trunks.link import TrunkState
from splitter.calls.trunks.trunks import Trunks
from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.media.forward import protocol as f
from splitter.media.forward.client import ForwarderLink
from splitter.media.record.protocol import RecorderAsk
from splitter.media.record.settings import RecordingSettings
from splitter.telemetry.trace import Recorder
from splitter.transport.settings import Network


@dataclass(frozen=True, slots=True)
class RecorderNeeds:
    """What recorders elsewhere need of the gateway. `made`: the recordings, once they are."""

    driver: Signalling
    routing: Routing
    trunks: Trunks
    calls: Calls
    recorder: Recorder
    clock: Clock
    ids: IdSource
    browsers: Browsers
    server: str
    made: Callable[[], Recordings | None]

    def trunk(self, name: str) -> Trunk:
        """The trunk of this name. Raises LocalError."""
        return self.routing.trunk(name)

    def recorders(self, names: tuple[str, ...]) -> list[Trunk]:
        """List those of these trunks that are there."""
        found = []
        for name in names:
            try:
                found.append(self.routing.trunk(name))
            except LocalError:
                pass  # it was taken out meanwhile
        return found

    def ways(self, names: tuple[str, ...]) -> list[RecorderWay]:
        """The servers of these trunks, those that are down at the end."""
        now, trunks = self.clock.now(), self.recorders(names)
        trunks.sort(key=lambda trunk: self.trunks.state(trunk, now)[0] is not TrunkState.UP)
        return [(trunk, target) for trunk in trunks for target in self.trunks.targets(trunk, now, self.ids.number)]

    def fault(self, names: tuple[str, ...]) -> str:
        """Why none of these can be had; "" where one may."""
        now = self.clock.now()
        states = [(trunk.name, *self.trunks.state(trunk, now)) for trunk in self.recorders(names)]
        if any(state is TrunkState.UP for _, state, _ in states):
            return ""
        return (
            "; ".join(f"{name} is {state}: {reason}" for name, state, reason in states) or "no recorder is configured"
        )

    def named(self, call_id: str) -> str:
        """The Session-ID of a call."""
        call = self.calls.find(call_id)
        return call.talk.session.towards_centre if call is not None else ""

    def post(self, recording: str, event: CallEvent) -> None:
        """Tell the call of a recording something."""
        call = self.calls.find(recording.rpartition("-")[0])
        if call is not None:
            call.post(event)


def make_recorders(
    settings: RecordingSettings,
    network: Network,
    make_link: Callable[..., ForwarderLink],
    around: RecorderNeeds,
    troubles: Troubles,
) -> Recorders:
    """Make the way to the recorders of others.

    Args:
        make_link: makes that to the forwarder, of what follows the logs in `ForwarderLink`.
    """
    names, alone = settings.recorders, not settings.folder
    tasks: set[asyncio.Task[None]] = set()

    def wanted(recording: str, number: int) -> None:
        if (made := around.made()) is not None:
            task = asyncio.get_running_loop().create_task(made.ask_key_frames(recording, number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def trouble(recording: str, reason: str) -> None:
        made.lose(reason)
        if alone:
            troubles.on_trouble(recording, reason)

    def back() -> None:
        if alone:
            troubles.on_back()
        else:  # what is kept here goes on meanwhile, without a gap
            made.carry_again()

    def lines(recording: str, seen: tuple[f.SeenLine, ...]) -> None:
        made.on_lines(recording, seen)

    def forward(ask: RecorderAsk) -> None:
        link.tell(ask)

    link = make_link(network.media_address, back, trouble, lines, wanted)
    parts = SessionParts(
        driver=around.driver,
        ids=around.ids,
        wall=around.clock.wall,
        server=around.server,
        host=network.advertised_address or network.media_address,
        timers=lambda: around.calls.services.settings.session_timers,
        ways=lambda: around.ways(names),
        forward=forward,
        bind=lambda call_id, sip_call_id, tag: around.recorder.bind(sip_call_id, call_id, LEG, tag),
        said=lambda recording, words, fault: around.post(recording, RecordedElsewhere(recording, words, fault, alone)),
        wanted=wanted,
        browsers=around.browsers,
        note=around.recorder.event,
    )
    made = Recorders(
        parts, link, settings.recorders_get == "video", around.trunk, around.named, lambda: around.fault(names)
    )
    return made
