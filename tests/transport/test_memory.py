"""When memory is given back."""

from __future__ import annotations

from splitter.transport.memory import Memory


class TestMemory:
    def test_is_given_back_once_many_connections_are_gone(self) -> None:
        trims: list[int] = []
        memory = Memory(lambda: trims.append(1))
        for count in (10, 500, 450, 301):
            memory.look(count)
        assert trims == []
        memory.look(300)
        assert trims == [1]
        for count in (300, 200, 101):
            memory.look(count)
        assert trims == [1]
        memory.look(100)
        assert trims == [1, 1]

    def test_the_systems_own_way_does_no_harm(self) -> None:
        memory = Memory()
        memory.look(1000)
        memory.look(0)
