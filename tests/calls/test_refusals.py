"""What is refused before it is a call: answered each time, logged now and then."""

from __future__ import annotations

from tests.world import World


class TestTheLog:
    def test_says_of_each_source_how_often(self) -> None:
        with World() as world:
            for _ in range(50):
                world.pbx.invite(called="110").expect("403")
            lines = [line for line in world.logs if line["event"] == "request refused"]
            assert 1 <= len(lines) <= 2
            world.run(11)
            world.pbx.invite(called="110").expect("403")
            last = [line for line in world.logs if line["event"] == "request refused"][-1]
            assert last["status"] == 403
            assert 1 <= last["similar"] < 50
