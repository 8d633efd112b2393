"""Which flows somebody needs."""

from __future__ import annotations

from splitter.core.net import Address, Flow
from splitter.transport.holds import Holds

ONE, OTHER = (Flow("access", "tcp", Address("10.0.0.1", 5060), Address("10.0.0.2", port)) for port in (40_000, 40_001))


class TestHolds:
    def test_a_flow_is_held_while_one_owner_is_left(self) -> None:
        holds = Holds()
        holds.hold("a", ONE)
        holds.hold("b", ONE)
        holds.release("a")
        assert holds.held(ONE)
        holds.release("b")
        assert not holds.held(ONE)
        assert len(holds) == 0

    def test_an_owner_that_moves_leaves_its_old_flow(self) -> None:
        holds = Holds()
        holds.hold("a", ONE)
        holds.hold("a", OTHER)
        assert (holds.held(ONE), holds.held(OTHER), len(holds)) == (False, True, 1)

    def test_unknown_owners_do_no_harm(self) -> None:
        Holds().release("nobody")
