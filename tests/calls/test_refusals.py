"""What is refused before it is a call: answered each time, logged now and then."""

from __future__ import annotations

import pytest

from tests.world import World


class TestTheLog:
    def test_says_of_each_source_how_often(self, world: World) -> None:
        for _ in range(50):
            world.pbx.invite(called="110").expect("403")
        lines = [line for line in world.logs if line["event"] == "request refused"]
        assert 1 <= len(lines) <= 2
        world.run(11)
        world.pbx.invite(called="110").expect("403")
        last = [line for line in world.logs if line["event"] == "request refused"][-1]
        assert last["status"] == 403
        assert 1 <= last["similar"] < 50


class TestRefusedBeforeItBegan:
    @pytest.mark.parametrize(
        ("line", "status"),
        [
            (("Max-Forwards", "0"), 483),
            (("Require", "x-unknown"), 420),
            (("Session-Expires", "30"), 422),
        ],
    )
    def test_nothing_is_left_of_it(self, line: tuple[str, str], status: int, world: World) -> None:
        caller = world.sbc.invite(headers=[line, ("Supported", "timer")])
        caller.expect(str(status))
        world.settle()
