"""The adapters of web callers in supervised worker processes. Does I/O (asyncio)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from splitter.core.errors import LocalError
from splitter.core.net import Address
from splitter.media.ports.adapters import AdapterHandle, AdapterSetting, CarriedAdapter
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener
from splitter.media.worker.held import adapter_opening
from splitter.media.worker.pool import MediaNetwork, Pool
from splitter.media.worker.verbs.close_adapter import CloseAdapter
from splitter.media.worker.verbs.open_adapter import OpenAdapter
from splitter.media.worker.verbs.restart_adapter import RestartAdapter
from splitter.media.worker.verbs.set_adapter import SetAdapter


class WorkerAdapters:
    """An AdapterEngine.

    Args:
        networks: by name, where to bind and what to advertise.
        new_id: makes one that nothing has.
    """

    def __init__(self, pool: Pool, networks: Mapping[str, MediaNetwork], new_id: Callable[[str], str]) -> None:
        self._pool, self._networks, self._new_id = pool, networks, new_id

    async def open_adapter(self, call_id: str, network: str, on_event: MediaListener) -> AdapterHandle:
        id, (host, public) = self._new_id("adapter"), self._host(network)
        inside = _reached(host)
        verb = OpenAdapter(call_id, id, host, public, inside)
        held, opened = await self._pool.open(adapter_opening(id, call_id, on_event), verb, CloseAdapter(id))
        voice, picture = LocalEnd(inside, *opened.voice), LocalEnd(inside, *opened.picture)
        handle = AdapterHandle(id, call_id, LocalEnd(public, opened.port, opened.port), opened.local, voice, picture)
        held.bound_for(handle)
        return handle

    async def adopt_adapter(self, adapter: AdapterHandle, on_event: MediaListener) -> CarriedAdapter:
        return cast(CarriedAdapter, self._pool.holdings.claim(adapter.adapter_id, adapter, on_event))

    async def set_adapter(self, adapter: AdapterHandle, setting: AdapterSetting) -> None:
        setting = replace(setting, voice=self._inside(setting.voice), picture=self._inside(setting.picture))
        await self._pool.ask(self._pool.holdings.find(adapter.adapter_id), SetAdapter(adapter.adapter_id, setting))

    async def restart_adapter(self, adapter: AdapterHandle) -> AdapterHandle:
        held = self._pool.holdings.find(adapter.adapter_id)
        joined = await self._pool.ask(held, RestartAdapter(adapter.adapter_id))
        held.bound("browser", joined.port)  # the one before is closed soon after the new path is there
        public = LocalEnd(adapter.public.host, joined.port, joined.port)
        return replace(adapter, public=public, secure=joined.local)

    async def close_adapter(self, adapter: AdapterHandle) -> None:
        held = self._pool.holdings.release(adapter.adapter_id)
        if held is not None:
            await self._pool.last(held, CloseAdapter(adapter.adapter_id))

    def _host(self, network: str) -> tuple[str, str]:
        """(address to bind, address to advertise)."""
        if (found := self._networks.get(network)) is None:
            raise LocalError(f"no network {network!r}")
        return found.media_address, found.advertised_address or found.media_address

    def _inside(self, remote: RemoteEnd | None) -> RemoteEnd | None:
        """Where the relay or the room of a call is for an adapter: an address that we only advertise is our own."""
        if remote is None:
            return None
        own = (one for one in self._networks.values() if one.advertised_address == remote.rtp.host)
        host = next((_reached(one.media_address) for one in own), remote.rtp.host)
        return RemoteEnd(Address(host, remote.rtp.port), Address(host, remote.rtcp.port))


def _reached(host: str) -> str:
    """An address of this machine by which it reaches itself where it binds this one."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
