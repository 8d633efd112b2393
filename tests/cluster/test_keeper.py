"""The lease of a node in a real Valkey: kept, lost, given away; and the files beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from splitter.cluster.keeper import Keeper, machine
from splitter.cluster.lease import Lease
from splitter.cluster.tenure import LeaseState, NodeStanding
from tests.cluster.server import Server
from tests.interop.process import eventually

pytestmark = pytest.mark.interop


@contextmanager
def process(server: Server, folder: Path, host: str = "A", tag: str = "1", **changes: Any) -> Iterator[Keeper]:
    settings = server.settings(**{"host": host, "track_file": str(folder / f"track-{host}")} | changes)
    one = Keeper(settings, tag, folder / f"lease-{host}")
    one.start()
    try:
        yield one
    finally:
        one.stop()


def becomes(one: Keeper, standing: NodeStanding) -> None:
    eventually(lambda: one.standing is standing, f"{one.owner} is {standing}", 15, lambda: one.alarm)


def hurried(one: Keeper, true: Callable[[], bool]) -> None:
    """Wait until it holds of one that asks seldom, as it is told to believe for long that the other one lives."""

    def asked() -> bool:
        one.hurry()
        return true()

    eventually(asked, f"what is asked of {one.owner}", more=lambda: one.alarm)


def track(folder: Path, host: str) -> str:
    return (folder / f"track-{host}").read_text().strip()


def tracked(folder: Path, host: str, word: str) -> None:
    """Wait until keepalived is told: the thread does so after its standing is known."""
    eventually(lambda: track(folder, host) == word, f"keepalived of {host} is told {word}")


class TestKeeper:
    def test_one_is_active_and_the_other_takes_over(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path, "A") as a, process(server, tmp_path, "B") as b:
            eventually(lambda: NodeStanding.ACTIVE in (a.standing, b.standing), "one is active", 15)
            first, second = (a, b) if a.standing is NodeStanding.ACTIVE else (b, a)
            names = ("A", "B") if first is a else ("B", "A")
            eventually(lambda: [track(tmp_path, name) for name in names] == ["2", "0"], "keepalived is told")
            eventually(lambda: second.holder == names[0], "it has read whose the lease is")
            assert second.standing is NodeStanding.STANDBY
            first.stop()
            becomes(second, NodeStanding.ACTIVE)
            assert second.fence > first.fence > time.time() - 3600
            assert not second.continued

    def test_it_survives_that_valkey_is_flushed_and_restarted(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path, "A") as a:
            becomes(a, NodeStanding.ACTIVE)
            fence = a.fence
            with process(server, tmp_path, "B", lease_ttl_s=60.0) as b:
                server.command("FLUSHALL")
                eventually(lambda: server.command("HGET", "p:lease:a", "fence"), "the lease is back")
                server.kill()
                becomes(a, NodeStanding.ALONE)
                assert a.alarm.startswith("nothing is protected: Valkey cannot be reached")
                tracked(tmp_path, "A", "1")
                hurried(b, lambda: b.alarm.startswith("this host cannot stand in for node a"))
                server.start()
                becomes(a, NodeStanding.ACTIVE)
                assert (a.fence, a.alarm, b.standing) == (fence, "", NodeStanding.STANDBY)

    def test_one_that_was_overtaken_is_fenced(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path, "A") as a:
            becomes(a, NodeStanding.ACTIVE)
            server.command("HSET", "p:lease:a", "fence", a.fence + 1, "owner", "B x y")
            a.hurry()
            becomes(a, NodeStanding.FENCED)
            assert a.alarm == "host B is this node now"
            tracked(tmp_path, "A", "0")
            eventually(lambda: not (tmp_path / "lease-A").exists(), "the lease is remembered no longer")

    def test_given_away(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path, "A") as a:
            becomes(a, NodeStanding.ACTIVE)
            with process(server, tmp_path, "B", lease_ttl_s=60.0) as b:
                eventually(lambda: b.holder == "A", "B looks")
                a.stop(LeaseState.FREE)
                b.hurry()
                becomes(b, NodeStanding.ACTIVE)
                tracked(tmp_path, "A", "0")

    def test_a_fault_of_ours_does_not_end_it(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with process(server, tmp_path) as a:
            becomes(a, NodeStanding.ACTIVE)
            faults: list[int] = []

            def renew(lease: Lease, fence: int) -> None:
                faults.append(fence)
                raise KeyError("a mistake")

            with monkeypatch.context() as patched:
                patched.setattr(Lease, "renew", renew)
                eventually(lambda: len(faults) > 1, "it tries again")
            beat = server.command("HGET", "p:lease:a", "beat")
            eventually(lambda: server.command("HGET", "p:lease:a", "beat") != beat, "it goes on")

    def test_what_is_no_lease_is_told(self, server: Server, tmp_path: Path) -> None:
        server.command("HSET", "p:lease:a", "fence", "many", "owner", "B x y", "beat", "1", "state", "held")
        with process(server, tmp_path, "A") as a:
            eventually(lambda: "p:lease:a holds no lease of ours" in a.alarm, "A says so", more=lambda: a.alarm)
            assert a.standing is NodeStanding.STANDBY


class TestRestarts:
    def test_the_next_process_of_the_host_has_it_at_once(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path, lease_ttl_s=60.0):
            pass
        server.command(
            "HSET", "p:lease:a", "fence", 7, "owner", f"A {machine(tmp_path)} 1", "beat", "9", "state", "held"
        )
        with process(server, tmp_path, tag="2", lease_ttl_s=60.0) as a:
            becomes(a, NodeStanding.ACTIVE)
            assert a.fence > 7 and a.continued

    def test_without_valkey_it_goes_on_with_the_lease_that_it_had(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path) as a:
            becomes(a, NodeStanding.ACTIVE)
        server.kill()
        with process(server, tmp_path, tag="2") as again:
            becomes(again, NodeStanding.ALONE)
            assert (again.fence, again.owner) == (a.fence, a.owner)
            server.start()
            becomes(again, NodeStanding.ACTIVE)

    def test_without_valkey_one_that_never_had_it_waits(self, server: Server, tmp_path: Path) -> None:
        server.kill()
        (tmp_path / "lease-A").write_text("7 B other tag")
        with process(server, tmp_path) as a:
            eventually(lambda: a.alarm, "an alarm")
            a.hurry()
            assert a.standing is NodeStanding.STANDBY

    def test_a_second_process_of_the_name_is_refused(self, server: Server, tmp_path: Path) -> None:
        with process(server, tmp_path) as a:
            becomes(a, NodeStanding.ACTIVE)
            (tmp_path / "other").mkdir()
            with process(server, tmp_path / "other", lease_ttl_s=60.0) as twin:
                hurried(twin, lambda: twin.standing is NodeStanding.REFUSED)
                assert "another process is this node on host A" in twin.alarm
                assert a.standing is NodeStanding.ACTIVE
