"""Adapters of web callers without media: each has ports and a setting, and its browser connects when it is told to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.adapters import AdapterHandle, AdapterSetting, CarriedAdapter
from splitter.media.ports.ends import LocalEnd
from splitter.media.ports.events import AdapterLost, MediaEvent, MediaListener, TransportChanged
from splitter.media.worker.held import is_same
from splitter.sdp.webrtc import SecureLocal

_FINGERPRINT = "sha-256 " + ":".join(["CD"] * 32)


@dataclass(slots=True)
class OpenAdapter:
    """One adapter. `listener`: None from the gateway's death until somebody takes it up."""

    handle: AdapterHandle
    listener: MediaListener | None
    setting: AdapterSetting = field(default_factory=AdapterSetting)
    standing: MediaEvent | None = None

    def emit(self, event: MediaEvent) -> None:
        self.standing = event
        if self.listener is not None:
            self.listener(event)


class FakeAdapters:
    """An AdapterEngine.

    Attributes:
        open: by id. connects: browsers do so as soon as their side is known.
    """

    def __init__(self, hosts: Callable[[str], str]) -> None:
        self.open: dict[str, OpenAdapter] = {}
        self.connects = True
        self._hosts = hosts
        self._ports, self._numbers = itertools.count(50_000, 2), itertools.count(1)

    async def open_adapter(self, call_id: str, network: str, on_event: MediaListener) -> AdapterHandle:
        await asyncio.sleep(0)
        adapter_id, host = f"adapter-{next(self._numbers)}", self._hosts(network)
        ends = [LocalEnd(host, port, port + 1) for port in itertools.islice(self._ports, 3)]
        secure = SecureLocal(f"ufrag{adapter_id}", "p" * 24, _FINGERPRINT, (f"1 1 udp 1 {host} 1 typ host",))
        public = LocalEnd(host, ends[0].rtp_port, ends[0].rtp_port)
        handle = AdapterHandle(adapter_id, call_id, public, secure, ends[1], ends[2])
        self.open[adapter_id] = OpenAdapter(handle, on_event)
        return handle

    async def adopt_adapter(self, adapter: AdapterHandle, on_event: MediaListener) -> CarriedAdapter:
        found = self._find(adapter)
        if not is_same(found.handle, adapter) or found.listener is not None:
            raise MediaUnavailable(f"{adapter.adapter_id} is gone")
        found.listener = on_event
        if found.standing is not None:
            asyncio.get_running_loop().call_soon(found.emit, found.standing)
        return CarriedAdapter(found.handle, found.setting)

    async def set_adapter(self, adapter: AdapterHandle, setting: AdapterSetting) -> None:
        found = self._find(adapter)
        before, found.setting = found.setting, setting
        if self.connects and setting.secure is not None and before.secure != setting.secure:
            found.emit(TransportChanged(adapter.call_id, "browser", "connected", "here"))

    async def restart_adapter(self, adapter: AdapterHandle) -> AdapterHandle:
        found = self._find(adapter)
        secure = replace(found.handle.secure, ufrag=f"again{next(self._numbers)}")
        found.handle = replace(found.handle, secure=secure)
        return found.handle

    async def close_adapter(self, adapter: AdapterHandle) -> None:
        self.open.pop(adapter.adapter_id, None)

    # ---- what happens to them ----

    def of(self, call_id: str) -> OpenAdapter:
        """The one adapter of a call."""
        [found] = [one for one in self.open.values() if one.handle.call_id == call_id]
        return found

    def interrupt(self, call_id: str) -> None:
        """Nothing comes from the browser any more."""
        self.of(call_id).emit(TransportChanged(call_id, "browser", "interrupted", "nothing came"))

    def lose(self, call_id: str) -> None:
        """Its worker dies."""
        found = self.of(call_id)
        del self.open[found.handle.adapter_id]
        found.emit(AdapterLost(call_id, found.handle.adapter_id, "its worker died"))

    def abandon(self) -> None:
        """The gateway is gone."""
        for one in self.open.values():
            one.listener = None

    def _find(self, adapter: AdapterHandle) -> OpenAdapter:
        if adapter.adapter_id not in self.open:
            raise MediaUnavailable(f"{adapter.adapter_id} is gone")
        return self.open[adapter.adapter_id]
