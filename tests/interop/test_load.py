"""Two hundred calls at a time: every one is answered, and nothing is left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene, until
from tests.interop.sipp import TOLD

pytestmark = pytest.mark.interop

CALLS = 200


class TestTwoHundredCalls:
    def test_live_at_a_time_and_all_end_well(self, gateway: Gateway, scene: Scene) -> None:
        load: dict[str, Any] = {"calls": CALLS, "limit_s": 300}
        centre = scene.centre("load-centre", **load)
        caller = scene.caller("caller-hangs-up", held_ms=TOLD, options=["-r", "25", "-l", "400"], **load)
        eventually(lambda: gateway.status()["calls"] == CALLS, f"{CALLS} calls live", 60, lambda: str(gateway.status()))
        eventually(lambda: {call["state"] for call in gateway.calls()} == {"connected"}, "all are connected", 5)
        until(caller, "ACK", sent=True, times=CALLS)
        for talking in [m for m in caller.messages() if m.sent and m.method == "ACK"]:
            caller.go_on(talking)
        caller.finish()
        centre.finish()
        gateway.must_be_idle(20)
        assert len(gateway.calls(ended=True)) > 0
