"""Encrypted voice on real sockets, beside the short ways that know no keys."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from splitter.media.ports.ends import LocalEnd
from tests.media.secured import SecurePeer, keys_of
from tests.media.worker.stand import Talk, engine, receive, rtp, talk


class TestASettledVoice:
    async def _pass(self, call: Talk, peer: SecurePeer | None, numbers: range) -> None:
        """Packets both ways; with a peer, what the caller sends and gets is encrypted."""
        local: tuple[LocalEnd, ...] = call.relay.local
        for number in numbers:
            packet = rtp(number, 1)
            call.caller.rtp.sendto(peer.seal(packet) if peer else packet, (call.host(local[0]), local[0].rtp_port))
            assert (await receive(call.centre.rtp))[0] == packet
            packet = rtp(number, 2)
            call.centre.rtp.sendto(packet, (call.host(local[1]), local[1].rtp_port))
            got, _ = await receive(call.caller.rtp)
            assert (peer.open(got) if peer else got) == packet

    def test_gets_keys_changes_them_and_loses_them(self) -> None:
        async def scenario() -> None:
            async with engine() as made, talk(made) as call:
                await self._pass(call, None, range(100))
                first, second = keys_of(), keys_of(theirs=5, ours=6)
                for keys, begin in ((first, 100), (second, 300)):
                    await made.point(call.relay, 0, replace(call.caller.remote, keys=keys))
                    await self._pass(call, SecurePeer(keys), range(begin, begin + 100))
                await made.point(call.relay, 0, call.caller.remote)
                await self._pass(call, None, range(500, 600))
                await call.report_until(lambda caller, centre: caller.packets_in == centre.packets_in == 400)

        asyncio.run(scenario())
