"""Forks, wired to what a gateway has: the forwarder, traces, calls. Not started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from splitter.calls.events import RecordedElsewhere
from splitter.calls.recording.forks import CallForks
from splitter.calls.recording.troubles import Troubles
from splitter.calls.siprec.wiring import RecorderNeeds
from splitter.media.forward.client import ForwarderLink
from splitter.media.forward.settings import ForkSettings
from splitter.media.record.settings import RecordingSettings

LEG = "fork"
"""The name in traces of the connection to who listens."""


def make_forks(
    settings: ForkSettings,
    recording: RecordingSettings,
    link: ForwarderLink | Callable[..., ForwarderLink],
    around: RecorderNeeds,
    troubles: Troubles,
) -> CallForks:
    """Make the way to who listens.

    Args:
        link: the forwarder, where recorders have one; else what makes the link, of what follows the logs in
            `ForwarderLink`.
    """
    alone = not recording.elsewhere_too
    tasks: set[asyncio.Task[None]] = set()

    def wanted(id: str, name: str) -> None:
        if (made := around.made()) is not None:
            task = asyncio.get_running_loop().create_task(made.ask_key_frames_of(id, [name]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def said(id: str, words: str, fault: bool) -> None:
        if alone:
            around.post(id, RecordedElsewhere(id, words, fault, alone))
        else:
            prefix = "not forked: " if fault else ""
            around.recorder.event(id.rpartition("-")[0], LEG, "alarm" if fault else "state", prefix + words)

    def trouble(id: str, reason: str) -> None:
        if alone:
            troubles.on_trouble(id, reason)

    def back() -> None:
        if alone:  # what is kept here goes on meanwhile
            troubles.on_back()

    if not isinstance(link, ForwarderLink):
        link = link("127.0.0.1", back, trouble, lambda id, lines: None, lambda id, number: None)
    forks = CallForks(settings, link, said, wanted)
    link.forks = forks
    return forks
