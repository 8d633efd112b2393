"""Two daemons must not share what is one's: the second is refused, and says by whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.lab.gateway import GatewayFailed, GatewayProcess
from splitter.lab.places import free_ports
from tests.chaos.crowd import CALLED, HOST

pytestmark = pytest.mark.interop


class TestTwoGateways:
    async def test_on_one_store_are_refused_though_their_sockets_lie_apart(self, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        first = GatewayProcess(tmp_path, Address(HOST, free_ports(HOST, 1)[0]), CALLED)
        second = first.twin(other, **{f'path = "{other}/calls.db"': f'path = "{tmp_path}/calls.db"'})
        try:
            await first.start()
            with pytest.raises(GatewayFailed, match=f"another gateway, process {first.pid}, works there"):
                await second.start()
            assert (await first.get("/v1/status"))["state"] == "running"
        finally:
            await second.stop()
            status = await first.stop()
        assert status == 0
