"""Half a minute of chaos; `make chaos` plays it for ten minutes, with a Valkey that dies too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import Chaos, Setting

pytestmark = [pytest.mark.interop, pytest.mark.slow]


class TestChaos:
    async def test_costs_no_answered_call_and_leaves_nothing(self, tmp_path: Path) -> None:
        result = await Chaos(Setting(seed=1, seconds=25, calls=20, pause_s=(1.0, 3.0), valkey=False), tmp_path).play()
        assert result.faults == []
        assert result.counts["answered"] and any(kind.startswith("mishap") for kind in result.counts)
