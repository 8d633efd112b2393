"""What a pool holds, and the ports that it counts for that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.adapters import AdapterHandle
from splitter.media.ports.ends import LocalEnd
from splitter.media.wire.pairs import PortLedger
from splitter.media.worker.held import Held, is_same, room_opening
from splitter.sdp.webrtc import SecureLocal
from tests.media.worker.stand import engine


def test_an_adapter_is_the_same_whose_browser_was_not_told_of_its_restart() -> None:
    ours, again = (SecureLocal(ufrag, "p" * 24, "sha-256 AB", ()) for ufrag in ("ours", "again"))
    known = AdapterHandle("adapter-1", "call-1", LocalEnd("192.0.2.1", 4, 4), ours, *_plain(30_000, 30_002))
    ahead = replace(known, public=LocalEnd("192.0.2.1", 8, 8), secure=again)
    assert is_same(ahead, known) and not is_same(replace(ahead, voice=known.picture), known)


def _plain(*ports: int) -> list[LocalEnd]:
    return [LocalEnd("127.0.0.1", port, port + 1) for port in ports]


class TestAPairThatComesAfterItsRoomWasClosed:
    def test_rests_from_then_on(self) -> None:
        """Whoever takes the worker's place must not wait for it as if it had been in use until the end."""
        ledger = PortLedger(30.0)
        held = Held(room_opening("room-1", "call-1", print), cast(Any, SimpleNamespace(ledger=ledger)), cast(Any, None))
        held.bound("caller", 30_000)
        held.closed = True
        with pytest.raises(MediaUnavailable, match="gone"):
            held.bound("seat-1", 30_002)
        ledger.all_closed(time.monotonic() + 20)
        rests = dict(ledger.resting(time.monotonic() + 25))
        assert rests[30_000] > 20 and rests[30_002] < 10

    @pytest.mark.slow
    async def test_is_nobodys(self) -> None:
        async with engine() as made:
            room = await made.open_room("call-1", print)
            joins = [asyncio.ensure_future(made.join(room, "caller", "access"))]
            joins.append(asyncio.ensure_future(made.join_secure(room, "desk-1", "access")))
            await asyncio.sleep(0)
            await made.close_room(room)
            for join in joins:
                with pytest.raises(MediaUnavailable, match="gone"):
                    await join
            assert made.sizes()["ports"] == 0
