"""splitter cluster, over a real control socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from splitter.cluster.nodes import NodeView
from splitter.core.errors import LocalError
from splitter.web.ports import Alone
from splitter.web.status.security import NoSecurity
from tests.cli.kit import splitter
from tests.web.kit import gateway

A = NodeView("a", "https://10.0.0.1:8443", "", "one", "active", ("two",), 7, 31, "0.1.0", 5.0, 0.21, 2)
B = NodeView("b", "https://10.0.0.2:8443", "", "two", "active", ("one",), 3, 4)


class Known(Alone):
    """The nodes that a test names."""

    def __init__(self, *nodes: NodeView) -> None:
        self.own = nodes[0].node if nodes else ""
        self._nodes = nodes

    def nodes(self) -> tuple[NodeView, ...]:
        return self._nodes


async def cluster(folder: Path, *arguments: str, nodes: tuple[NodeView, ...] = (A, B), **more: Any) -> Result:
    async with gateway(folder, elsewhere=Known(*nodes), **more) as parts:
        return await asyncio.to_thread(splitter, "cluster", *arguments, SPLITTER_SOCKET=parts.socket)


class TestCluster:
    async def test_a_line_per_node(self, tmp_path: Path) -> None:
        result = await cluster(tmp_path)
        head, first, second = result.stdout.splitlines()
        assert result.exit_code == 0 and head.split()[:4] == ["NODE", "STATE", "HOST", "STANDBY"]
        assert first.split() == ["a", "*", "active", "one", "two", "31", "2", "0.2", "s", "7", "0.1.0", A.api_url]
        assert second.split() == ["b", "active", "two", "one", "4", "0", "-", "3", "-", B.api_url]

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"state": "away", "host": ""}, "nobody is b now"),
            ({"state": "alone"}, "4 calls would end with its host"),
            ({"standby": ()}, "nobody stands by for b"),
        ],
    )
    async def test_what_is_not_protected_is_a_failure(self, tmp_path: Path, changed: dict[str, Any], said: str) -> None:
        result = await cluster(tmp_path, nodes=(A, replace(B, **changed)))
        assert result.exit_code == 1 and said in result.stdout

    async def test_json_is_the_whole_answer(self, tmp_path: Path) -> None:
        found = json.loads((await cluster(tmp_path, "--json")).stdout)
        assert found["node"] == "a" and [node["fence"] for node in found["nodes"]] == [7, 3]

    async def test_without_one(self, tmp_path: Path) -> None:
        result = await cluster(tmp_path, nodes=())
        assert result.exit_code == 0 and "the only one" in result.stdout


class TestHandOver:
    async def test_is_asked_of_the_gateway(self, tmp_path: Path) -> None:
        asked: list[str] = []

        class Giving(NoSecurity):
            def hand_over(self) -> None:
                asked.append("hand over")

        result = await cluster(tmp_path, "hand-over", security=Giving())
        assert result.exit_code == 0 and asked and "calls go on" in result.stdout

    async def test_that_cannot_be_says_why(self, tmp_path: Path) -> None:
        class Refusing(NoSecurity):
            def hand_over(self) -> None:
                raise LocalError("no other host stands by")

        result = await cluster(tmp_path, "hand-over", security=Refusing())
        assert result.exit_code == 1 and "no other host stands by" in result.stderr
