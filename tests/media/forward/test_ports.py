"""Ports of the forwarder: pairs that no media worker would want."""

from __future__ import annotations

import asyncio

import pytest

from splitter.media.forward.process import SendingPair


class TestSendingPair:
    async def test_leaves_the_ports_of_workers_alone(self) -> None:
        avoided = range(32_768, 48_000)
        pairs = [SendingPair("127.0.0.1", avoided, lambda data, host: None) for _ in range(5)]
        assert all(pair.port % 2 == 0 and pair.port not in avoided for pair in pairs)
        for pair in pairs:
            pair.close()

    async def test_gives_up_where_all_are_taken(self) -> None:
        with pytest.raises(OSError, match="no pair"):
            SendingPair("127.0.0.1", range(65_536), lambda data, host: None)

    async def test_hears_what_comes_back(self) -> None:
        heard: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()
        one, other = (SendingPair("127.0.0.1", range(0), lambda *what: heard.put_nowait(what)) for _ in "12")
        assert one.send(b"report", "127.0.0.1", other.port + 1, rtcp=True)
        assert await heard.get() == (b"report", "127.0.0.1")
        one.close()
        other.close()
