"""The Debian package on a fresh system of its release: installed, used as an operator would, upgraded, removed, purged."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitter.core.net import Address
from tests.chaos.crowd import Town
from tests.cluster.namespaces import HOSTS, LAB, Namespaces
from tests.interop.machine import Machine, System
from tests.interop.packages import PACKAGE, built, fresh
from tests.patience import PATIENCE_S, until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

NEXT = "trixie"


@pytest.fixture(scope="module")
def package() -> Path:
    """The package of this tree."""
    return built()


@pytest.fixture
def system(package: Path, tmp_path: Path) -> Iterator[System]:
    if not (fresh() / ".complete").exists():
        pytest.skip("this machine is no Debian")
    system = System.copied(fresh(), tmp_path / "root")
    shutil.copy(package, system.root / "package.deb")
    yield system
    system.remove()


RUNS = """
setpriv --reuid splitter --regid splitter --clear-groups splitter run >/tmp/log 2>&1 & gateway=$!
until splitter status >/tmp/status 2>&1 || grep -q '^splitter .*: running' /tmp/status; do kill -0 $gateway || break; sleep 0.1; done  # it may have an alarm
splitter doctor --offline
cat /tmp/status
kill -TERM $gateway
wait $gateway || { cat /tmp/log; exit 1; }
"""


# What a newer version has left, to which an older one is put back.
OF_A_NEWER_ONE = """
import sqlite3
with sqlite3.connect("/var/lib/splitter/calls.db") as db:
    db.execute("PRAGMA user_version = 99")
"""


def test_installs_runs_upgrades_and_goes(system: System) -> None:
    """One life, in its order: each step needs the one before."""
    said = system.run("dpkg", "-i", "/package.deb")
    assert "next: splitter init" in said
    assert system.run("splitter", "--version").startswith("splitter, version ")

    system.run("splitter", "init", "--sbc", "127.0.0.2", "--centre", "127.0.0.3:5080", "--agent", "8001")
    file = system.root / "etc/splitter/splitter.toml"
    assert file.stat().st_gid == (system.root / "etc/splitter").stat().st_gid != 0, "the service's user can read it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert "/etc/splitter/splitter.toml: good" in system.run("splitter", "check")

    (system.root / "run/splitter").mkdir()
    system.run("chown", "splitter:", "/run/splitter")  # the unit's RuntimeDirectory does it where systemd runs
    said = system.alone(RUNS)
    assert "the gateway runs, and has them" in said and "0 faults" in said
    assert "running" in said

    assert "next: splitter init" not in system.run("dpkg", "-i", "/package.deb"), "the same again, as an upgrade"
    assert file.exists() and (system.root / "var/lib/splitter/calls.db").exists()
    system.run("python3", "-c", OF_A_NEWER_ONE)
    said = system.alone(RUNS)
    assert "running" in said and "the file has format 99, this program knows" in said, "gone back: it runs, and says so"
    system.run("dpkg", "-r", PACKAGE)
    assert file.exists() and not (system.root / "opt/splitter").exists(), sorted((system.root / "opt").rglob("*"))[:9]
    system.run("dpkg", "-P", PACKAGE)
    for left in ("etc/splitter", "var/lib/splitter", "run/splitter", "usr/bin/splitter"):
        assert not os.path.lexists(system.root / left), left


@pytest.mark.timeout(1800)
def test_is_built_for_the_next_release_too(tmp_path: Path) -> None:
    """Of another Python, in a system of its own, from a wheelhouse: nothing there needs a network."""
    if not (fresh() / ".complete").exists():
        pytest.skip("this machine is no Debian")
    package = built(NEXT)
    assert "+debian13_" in package.name
    root = tmp_path / "root"
    system = System.copied(fresh(NEXT), root)
    try:
        shutil.copy(package, root / "package.deb")
        system.run("dpkg", "-i", "/package.deb")
        system.run("splitter", "init", "--sbc", "127.0.0.2", "--centre", "127.0.0.3:5080", "--agent", "8001")
        (root / "run/splitter").mkdir()
        system.run("chown", "splitter:", "/run/splitter")
        said = system.alone(RUNS)
        assert "the gateway runs, and has them" in said and "0 faults" in said and "native" in said
        system.run("dpkg", "-P", PACKAGE)
    finally:
        system.remove()


UNITS = "splitter.service", "splitter-media@0.service"
MEDIA = """
[media]
workers = 1
spawn = false
"""
CALLS = 3


async def test_calls_live_through_all_that_systemd_does(system: System, tmp_path: Path) -> None:
    """A restart, a crash and an upgrade; then the service is stopped, and its calls end."""
    system.run("dpkg", "-i", "/package.deb")
    with Namespaces() as net, system.booted(tmp_path / "machine.log", net.within("A")) as machine:
        town = Town(random.Random(1), host=LAB)
        await town.start()
        try:
            await _calls_live_through(machine, system.root, town)
        finally:
            await town.stop()


async def _calls_live_through(machine: Machine, root: Path, town: Town) -> None:
    near = [f"--sbc={town.sbc.address}", f"--centre={town.centre.address}"]
    await asyncio.to_thread(machine.run, "splitter", "init", *near)
    file = root / "etc/splitter/splitter.toml"
    text = file.read_text().replace('role = "centre"', 'role = "centre"\ntrusted = true')  # it is told who calls
    file.write_text(text + MEDIA)
    await asyncio.to_thread(machine.run, "systemctl", "enable", "--now", *UNITS)
    calls = [town.call(Address(HOSTS["A"], 5060)) for _ in range(CALLS)]
    await until(lambda: all(call.connected for call in calls))
    await asyncio.sleep(0.5)  # a record is written within that time (docs/decisions/0020)
    worker = machine.main_pid(UNITS[1])
    await asyncio.to_thread(_a_version_that_cannot_use_the_configuration, machine, file)
    for command in (
        ("systemctl", "restart", UNITS[0]),
        ("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNITS[0]),
        ("dpkg", "-i", "/package.deb"),
    ):
        before = machine.main_pid(UNITS[0])
        await asyncio.to_thread(machine.run, *command)
        await until(lambda before=before: machine.main_pid(UNITS[0]) not in (0, before), 0.2)  # type: ignore[misc]
        await until(lambda: machine.run("systemctl", "is-active", UNITS[0], expect=None).strip() == "active", 0.2)
        for call in calls:
            assert call.desk_phone is not None and call.inside is not None
            call.desk_phone.held = not call.desk_phone.held
            outcome = await call.inside.reoffer(PATIENCE_S)
            assert outcome.accepted, (command, outcome)
            assert call.phone.heard == ("sendonly" if call.desk_phone.held else "sendrecv")
    assert machine.main_pid(UNITS[1]) == worker, "the voice was in one process all the time"
    ended = await calls[0].caller.hang_up(PATIENCE_S)
    assert ended is not None and ended.accepted
    machine.run("systemctl", "stop", "--no-block", UNITS[0])
    for call in calls[1:]:
        await call.caller.hang_up(PATIENCE_S)  # as long as calls live, it does not end
    await until(lambda: machine.main_pid(UNITS[0]) == 0, 0.2)
    assert all(call.over for call in calls)
    assert machine.run("systemctl", "show", "-P", "Result", UNITS[0]).strip() == "success"


def _a_version_that_cannot_use_the_configuration(machine: Machine, file: Path) -> None:
    """It is installed, and the one that runs goes on."""
    before, text = machine.main_pid(UNITS[0]), file.read_text()
    file.write_text(text + "no_such_key = 1\n")
    said = machine.run("dpkg", "-i", "/package.deb")
    assert "no_such_key" in said and "the one of before goes on" in said
    assert machine.main_pid(UNITS[0]) == before
    file.write_text(text)


def test_brings_what_belongs_to_it(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(package), str(tmp_path)], check=True)
    assert (
        "splitter init"
        in subprocess.run(
            ["zcat", str(tmp_path / "usr/share/man/man1/splitter.1.gz")], capture_output=True, text=True, check=True
        ).stdout
    )
    assert "complete" in (tmp_path / "usr/share/bash-completion/completions/splitter").read_text()
    for path in ("usr/lib/systemd/system/splitter.service", "usr/lib/sysusers.d/splitter.conf"):
        assert (tmp_path / path).is_file(), path
    named = [path for path in (tmp_path / "opt/splitter/bin").iterdir() if path.is_file() and not path.is_symlink()]
    strange = [path.name for path in named if b"/tmp/" in path.read_bytes()]
    assert not strange, "they name the folder that they were built in"
