"""Connections and transactions that are over leave no ring of objects to the garbage collector."""

from __future__ import annotations

import asyncio

import pytest

from splitter.core.net import Address
from tests.garbage import no_rings
from tests.patience import until
from tests.transport.scene import HOST, TcpPeer, ok, scene, wire


@pytest.mark.parametrize("data", [wire(via=Address(HOST, 5060), transport="TCP"), b"", b"nonsense\r\n\r\n"])
async def test_of_a_tcp_connection(data: bytes) -> None:
    async with scene(on_request=ok) as stage:

        async def come_and_go() -> None:
            peer = await TcpPeer.connect(stage.address("tcp"))
            if data:
                await peer.send(data)
                await peer.reader.read(1)
            peer.writer.close()
            await until(lambda: not stage.driver.sizes()["connections"])

        await come_and_go()
        with no_rings():
            await come_and_go()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("data", [wire(), b"nonsense", wire().replace(b"CSeq: 1", b"CSeq: x"), wire(to_tag="x")])
async def test_of_a_datagram(data: bytes) -> None:
    async with scene(on_request=ok) as stage:
        flow = stage.flow(Address(HOST, 5099))
        stage.driver.received(flow, data)
        with no_rings():
            stage.driver.received(flow, data.replace(b"call1", b"call2").replace(b"peer1", b"peer2"))
