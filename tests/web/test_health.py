"""What is wrong: said in the order in which the parts are asked, and by those that can."""

from __future__ import annotations

from collections.abc import Iterable

from structlog.testing import capture_logs

from splitter.web.status.health import Health


def broken() -> Iterable[str]:
    raise OSError("oh")


class TestAlarms:
    def test_stand_in_the_order_of_the_parts_without_those_that_say_nothing(self) -> None:
        health = Health()
        health.include("store", lambda: ["the store is full"])
        health.include("log", lambda: [""])
        health.include("trunks", lambda: ["pbx is down", "", "sbc is down"])
        assert health.alarms() == ("the store is full", "pbx is down", "sbc is down")

    def test_a_part_that_cannot_say_silences_no_other(self) -> None:
        health = Health()
        health.include("resources", broken)
        health.include("trunks", lambda: ["pbx is down"])
        with capture_logs() as logs:
            assert health.alarms() == ("resources cannot say what is wrong; see the log", "pbx is down")
        assert [(entry["event"], entry["part"]) for entry in logs] == [("a part cannot say how it is", "resources")]
