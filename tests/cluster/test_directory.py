"""Which nodes there are, by a real Valkey."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from splitter.cluster import directory as module
from splitter.cluster.directory import ValkeyDirectory
from splitter.cluster.nodes import NodeView
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Valkey
from tests.cluster.server import Server
from tests.patience import PATIENCE_S, wait


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.02)
    monkeypatch.setattr(module, "AWAY_AFTER_S", 0.5)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def begin(stack: ExitStack, server: Server, view: NodeView) -> ValkeyDirectory:
    """A process of the cluster that says this of itself."""
    found = ValkeyDirectory(ClusterSettings(view.node, view.host, (server.url,)))
    found.say(view)
    found.start(5.0)
    stack.callback(found.stop)
    return found


A = NodeView("a", "http://10.0.0.1:8443", host="one", state="active", standby=("two",), fence=7, calls=3)
B = NodeView("b", "http://10.0.0.2:8443", host="two", state="active")


def seen(directory: ValkeyDirectory) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(node.node, node.state, node.standby) for node in directory.nodes()]


class TestNodes:
    def test_know_each_other(self, server: Server, stack: ExitStack) -> None:
        a, b = begin(stack, server, A), begin(stack, server, B)
        for one in (a, b):
            wait(lambda one=one: seen(one) == [("a", "active", ("two",)), ("b", "active", ())])  # type: ignore[misc]
        assert b.nodes()[0].calls == 3 and b.nodes()[0].fence == 7

    def test_one_that_says_nothing_is_away(self, server: Server, stack: ExitStack) -> None:
        a, b = begin(stack, server, A), begin(stack, server, B)
        wait(lambda: len(seen(b)) == 2)
        a.stop()
        wait(lambda: seen(b) == [("a", "away", ()), ("b", "active", ())])
        assert b.nodes()[0].host == "" and b.nodes()[0].api_url == A.api_url

    def test_one_that_says_nothing_for_long_is_none_any_more(
        self, server: Server, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a, b = begin(stack, server, A), begin(stack, server, B)
        wait(lambda: len(seen(b)) == 2)
        monkeypatch.setattr(module, "GONE_AFTER_S", 1.0)
        a.stop()
        wait(lambda: seen(b) == [("b", "active", ())] and server.command("HKEYS", "splitter:nodes") == [b"b"])

    def test_another_process_goes_on_as_the_node(self, server: Server, stack: ExitStack) -> None:
        a, b = begin(stack, server, A), begin(stack, server, B)
        a.stop()
        wait(lambda: ("a", "away", ()) in seen(b))
        begin(stack, server, NodeView("a", host="two", state="active"))
        wait(lambda: seen(b) == [("a", "active", ()), ("b", "active", ())] and b.nodes()[0].host == "two")

    def test_a_standby_looks_and_says_nothing(self, server: Server, stack: ExitStack) -> None:
        begin(stack, server, A)
        waits = ValkeyDirectory(ClusterSettings("a", "two", (server.url,)))
        waits.start(5.0)
        stack.callback(waits.stop)
        wait(lambda: seen(waits) == [("a", "active", ("two",))])

    def test_nobody_is_judged_while_valkey_is_away(
        self, server: Server, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "AWAY_AFTER_S", 2 * PATIENCE_S)
        b = begin(stack, server, B)
        begin(stack, server, A)
        wait(lambda: len(seen(b)) == 2)
        server.kill()
        wait(lambda: b.fault)
        monkeypatch.setattr(module, "AWAY_AFTER_S", 0.0)
        time.sleep(0.2)  # some turns of its thread
        assert seen(b) == [("a", "active", ("two",)), ("b", "active", ())]

    @pytest.mark.parametrize("garbage", [b"", b"{", b'{"count": 1, "view": {"node": "b"}}', b"x" * 20_000])
    def test_garbage_is_nobody(self, server: Server, stack: ExitStack, garbage: bytes) -> None:
        b = begin(stack, server, B)
        valkey = Valkey(ClusterSettings("c", "three", (server.url,)))
        stack.callback(valkey.close)
        valkey.command("HSET", "splitter:nodes", "c", garbage)
        begin(stack, server, A)
        wait(lambda: [name for name, _, _ in seen(b)] == ["a", "b"])
