"""The integrator's hour on a fresh system of this machine's release: nothing is done by hand, and an hour is plenty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.integrator import play
from tests.interop.packages import built, fresh

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(1200)]

HOUR_S = 3600.0


def test_from_a_fresh_system_to_a_first_call_with_picture(tmp_path: Path) -> None:
    if not (fresh() / ".complete").exists():
        pytest.skip("this machine is no Debian")
    hour = play(built(), fresh(), tmp_path)
    print(hour)
    assert hour.took_s < HOUR_S, str(hour)
