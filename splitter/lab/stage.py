"""Everything a demo needs, started and ended in order: the centre, the gateway, handsets and seats. Does I/O."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.places import free_ports
from splitter.lab.process import LabProcess
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.whip import WebSeat, WebSeatSettings

Say = Callable[[str], None]
"""Prints one line of the demo."""

HOST = "127.0.0.1"
CALLED = "12345"
EXTENSION = "2001"

_DESKS = """
[api]                     # towards browsers: the agents' console, and whoever else uses the API
listen = ["{api}"]
media_network = "desk"
guest_url = "http://{api}/guest/"

[[account]]
user = "{extension}"
password = "{password}"
extension = "{extension}"
"""


class Stage:
    """An async context manager: inside it everything runs, after it nothing is left.

    Attributes:
        centre: the voice centre's process.
        gateway: the gateway's process.
        api: where browsers reach it, such as "http://127.0.0.1:8080".
        password: of the only account, whose user and extension is EXTENSION; made for this stage.
        gateway_status: its exit status, once it has ended.
    """

    centre: LabProcess
    gateway: GatewayProcess

    def __init__(self, api_port: int = 0, **plan: object) -> None:
        """Where the API listens, 0 for a free port; fields of `centre.Plan`, where its defaults do not fit; and
        `tables`, further ones of the gateway's configuration."""
        self._tables = str(plan.pop("tables", ""))
        self._plan = json.dumps({"ring_s": 1.0, "extension": EXTENSION, **plan})
        self._api = Address(HOST, api_port or free_ports(HOST, 1)[0])
        self.api = f"http://{self._api}"
        self.password = secrets.token_hex(4)
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._parties: list[Handset | Seat | WebSeat] = []
        self.gateway_status: int | None = None

    async def __aenter__(self) -> Stage:
        self._directory = tempfile.TemporaryDirectory(prefix="splitter-demo-")
        self.centre = LabProcess("splitter.lab.centre", "--listen", f"{HOST}:0", "--plan", self._plan)
        try:
            await self.centre.start()
            ready = await self.centre.wait_for("ready")
            where = Address(HOST, ready["port"])
            desks = _DESKS.format(api=self._api, extension=EXTENSION, password=self.password)
            self.gateway = GatewayProcess(Path(self._directory.name), where, CALLED, HOST, desks + self._tables)
            await self.gateway.start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def handset(self, settings: HandsetSettings) -> Handset:
        """Start a handset; it is stopped with the stage, or before with `leave`."""
        handset = Handset(settings, HOST)
        self._parties.append(handset)
        await handset.start()
        return handset

    async def seat(self, settings: SeatSettings) -> Seat:
        """Start a seat; likewise."""
        seat = Seat(settings, HOST)
        self._parties.append(seat)
        await seat.start()
        return seat

    async def web_seat(self, settings: WebSeatSettings) -> WebSeat:
        """Start a browser's desk, which logs in and goes online; likewise."""
        desk = WebSeat(settings, HOST)
        self._parties.append(desk)
        await desk.start(self.api, self.password)
        return desk

    async def leave(self, party: Handset | Seat | WebSeat) -> None:
        """Stop a handset, a seat or a desk now."""
        self._parties.remove(party)
        await party.stop()

    async def _end(self) -> None:
        """Parties first, so that calls are hung up; each step happens whatever the one before did."""
        try:
            for party in reversed(self._parties):
                await party.stop()
            self._parties.clear()
        finally:
            try:
                if hasattr(self, "gateway"):
                    self.gateway_status = await self.gateway.stop()
            finally:
                await self.centre.stop()
                if self._directory is not None:
                    self._directory.cleanup()


def call_id_in(invite: dict[str, Any]) -> str | None:
    """The gateway's call id as the centre was told it, from an "invite" event."""
    match = re.search(r"^X-Splitter-Call:\s*([0-9a-z]+)", invite["raw"], re.IGNORECASE | re.MULTILINE)
    return match[1] if match else None


def header_in(raw: str, name: str) -> str:
    """The first header of that name in a raw message, "" if there is none."""
    match = re.search(rf"^{re.escape(name)}:\s*(.*?)\s*$", raw, re.IGNORECASE | re.MULTILINE)
    return match[1] if match else ""
