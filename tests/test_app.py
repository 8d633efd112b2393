"""The composition: who hears of what happens, and who is asked what is wrong. The gateway is built, not started."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from splitter.app import Gateway
from splitter.calls.desks import Desks, DeskView
from splitter.calls.view import CallEnded, Notice
from splitter.config.load import load
from splitter.media.ports.rooms import Snapshot
from splitter.store.photos import Photos
from splitter.store.sqlite import Store
from splitter.telemetry import metrics
from splitter.web.events.hub import Hub
from splitter.web.stills.album import Album, ScreenshotTaken
from splitter.web.stills.leftovers import Leftovers
from splitter.web.webhooks.webhooks import Webhooks
from tests.web.kit import CALL, ended

SETTINGS = """
[gateway]
control_socket = "{folder}/control.sock"
[store]
path = "{folder}/calls.db"
[network.access]
listen = ["udp:127.0.0.1:5060"]
[network.core]
listen = ["udp:127.0.0.1:5070"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.1.1"]
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.4"
[[route]]
called = "110"
to = ["pbx"]
"""
HANDLERS: dict[type, list[tuple[str, type, str]]] = {
    type(CALL): [
        ("store", Store, "save_call"),
        ("hub", Hub, "call"),
        ("desks", Desks, "on_call"),
        ("webhooks", Webhooks, "call"),
    ],
    CallEnded: [("album", Album, "ended"), ("pictures", Leftovers, "clear"), ("photos", Photos, "ended")],
    DeskView: [("hub", Hub, "desk"), ("webhooks", Webhooks, "desk")],
    Notice: [("hub", Hub, "notice"), ("webhooks", Webhooks, "notice")],
    ScreenshotTaken: [("webhooks", Webhooks, "snapshot")],
}
HAPPENINGS: list[Any] = [
    CALL,
    ended(CALL),
    CallEnded(CALL.call_id),
    DeskView("8001", "online"),
    Notice(CALL.call_id, "bound", "bound to 8001"),
    ScreenshotTaken(CALL.call_id, 1, Snapshot(b"png", 4, 4, 1.0)),
]
CASES = [(happening, name) for happening in HAPPENINGS for name, _, _ in HANDLERS[type(happening)]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The gateway's parts want one to be there."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


def built(folder: Path) -> Gateway:
    file = folder / "splitter.toml"
    file.write_text(SETTINGS.format(folder=folder))
    return Gateway(load(file))


def failures(name: str) -> float:
    return metrics.REGISTRY.get_sample_value("splitter_subscriber_failures_total", {"subscriber": name}) or 0.0


class TestSubscribers:
    @pytest.mark.parametrize(("happening", "broken"), CASES)
    def test_a_fault_of_one_costs_no_other(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        loop: asyncio.AbstractEventLoop,
        happening: Any,
        broken: str,
    ) -> None:
        heard: list[str] = []

        def spy(name: str) -> Any:
            def handler(self: object, happening: object) -> None:
                heard.append(name)
                if name == broken:
                    raise RuntimeError("oh")

            return handler

        handlers = HANDLERS[type(happening)]
        for name, owner, method in handlers:
            monkeypatch.setattr(owner, method, spy(name))
        gateway, before = built(tmp_path), failures(broken)
        with capture_logs() as logs:
            gateway.bus.publish(happening)
        assert heard == [name for name, _, _ in handlers]
        assert failures(broken) == before + 1
        failed = [entry["subscriber"] for entry in logs if entry["event"] == "a subscriber failed"]
        assert failed == [broken]

    def test_of_calls_desks_and_stills_are_the_parts_that_make_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: asyncio.AbstractEventLoop
    ) -> None:
        told: list[object] = []
        monkeypatch.setattr(Webhooks, "desk", lambda self, view: told.append(view))
        monkeypatch.setattr(Webhooks, "snapshot", lambda self, taken: told.append(taken))
        gateway = built(tmp_path)
        gateway.floor.desks.attach("key", "8001", "tab-1", "webrtc", 1.0)
        loop.run_until_complete(gateway.doors.album.add(CALL.call_id, Snapshot(b"png", 4, 4, 1.0)))
        assert [type(one) for one in told] == [DeskView, ScreenshotTaken]


class TestStatus:
    def test_is_read_before_anything_has_started(self, tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
        gateway = built(tmp_path)
        status = gateway.doors.board.read(())
        assert (status.state, status.calls, status.api) == ("starting", 0, ())
        assert status.networks == ("access udp 127.0.0.1:5060", "core udp 127.0.0.1:5070")
