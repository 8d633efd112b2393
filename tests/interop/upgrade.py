"""An upgrade between two real versions, there and back, played on a machine that systemd boots. Does I/O.

    .venv/bin/python -m tests.interop.upgrade [COMMIT]

The package of an older commit is installed, and takes calls. While two of them live and one has ended, today's package takes
its place, then the older one again, and today's once more. What has to stay is looked at after each step: the calls, the list of those that
ended, the configuration, logins. How long each step took is printed.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from splitter.core.net import Address
from splitter.store.schema import VERSION
from tests.chaos.crowd import Conversation, Town
from tests.cluster.namespaces import HOSTS, LAB, Namespaces
from tests.interop.hour import Hour
from tests.interop.machine import Machine, System, machines_can_boot
from tests.interop.packages import PACKAGE, built, former, fresh
from tests.patience import PATIENCE_S, until

FORMER = "c644c269"
"""The older one: of before the store's file had format 3."""
AGENT = "8001"
_UNIT = "splitter.service"
_API = f"https://{HOSTS['A']}:8443"
_RECORDED_S = 0.5  # within that time a record is written (docs/decisions/0020)
_COPIED = 'import sqlite3; sqlite3.connect("/var/lib/splitter/calls.db").backup(sqlite3.connect("/root/calls.before"))'


def play(before: Path, now: Path, system_of: Path, folder: Path) -> Hour:
    """Play it with these two packages, on a copy of this system; raises AssertionError where something does not stay."""
    system = System.copied(system_of, folder / "root")
    shutil.copy(before, system.root / "before.deb")
    shutil.copy(now, system.root / "now.deb")
    with Namespaces() as net, system.booted(folder / "machine.log", net.within("A")) as machine:
        return asyncio.run(_played(machine, system.root))


async def _played(machine: Machine, root: Path) -> Hour:
    town = Town(random.Random(1), host=LAB)
    await town.start()
    try:
        site = Site(machine, root, town, Hour())
        await site.begin()
        await site.go_forward()
        await site.go_back()
        await site.go_forward_again()
        return site.hour
    finally:
        await town.stop()


@dataclass
class Site:
    """A machine with the gateway, its neighbours, and what they have done so far."""

    machine: Machine
    root: Path
    town: Town
    hour: Hour
    configuration: bytes = b""
    password: str = ""
    token: str = ""
    first_ended: str = ""

    async def begin(self) -> None:
        """The older version: installed, with a login, a call that ended and two that live."""
        await self._run("apt-get", "install", "-y", "--no-install-recommends", "/before.deb")
        near = [f"--sbc={self.town.sbc.address}", f"--centre={self.town.centre.address}", f"--agent={AGENT}"]
        found = re.search(rf"agent {AGENT}, password (\S+)", await self._run("splitter", "init", *near))
        assert found
        self.password = found[1]
        file = self.root / "etc/splitter/splitter.toml"
        self.configuration = file.read_bytes().replace(b'role = "centre"', b'role = "centre"\ntrusted = true')
        file.write_bytes(self.configuration)
        await self._run("systemctl", "enable", "--now", _UNIT)
        self.token = await self._logged_in()
        for _ in range(3):
            await self._called()
        await self._hung_up(self.town.calls[0])
        await until(lambda: len(self._ended()) == 1, 0.2)
        [self.first_ended] = self._ended()
        await self._run("python3", "-c", _COPIED)  # as docs/changing.md says
        self.hour.done(f"the version of before runs: {await self._version()}; two calls live, one has ended")

    async def go_forward(self) -> None:
        """Today's version in its place."""
        await self._install("/now.deb")
        await self._nothing_is_lost()
        assert self._format() == VERSION
        await self._call_goes_on(self.town.calls[1])
        await self._call_goes_on(self.town.calls[2])
        self.hour.done(f"upgraded: {await self._version()}; both calls go on, what has ended is listed, logins hold")
        await self._hung_up(self.town.calls[1])
        await until(lambda: len(self._ended()) == 2, 0.2)
        await self._called()
        await asyncio.sleep(_RECORDED_S)
        self.hour.done("one of them is ended, and a new one begun")

    async def go_back(self) -> None:
        """The older version again: it has no way into the newer one's store, says so, and takes calls."""
        await self._install("/before.deb", "--allow-downgrades")
        self._settings_stay()
        await self._logins_stay()
        await until(lambda: f"format {VERSION}" in self._status(), 0.2)
        assert self._format() == VERSION, "the newer file is as it was"
        going_on = [call for call in self.town.calls[2:] if await self._goes_on_or_is_ended(call)]
        await self._hung_up(await self._called())
        self.hour.done(
            f"gone back: {len(going_on)} of 2 calls go on, new ones are taken, and status says that the store is newer"
        )
        for call in going_on:
            await self._hung_up(call)
        await self._run("systemctl", "stop", _UNIT)
        for left in ("-wal", "-shm"):
            (self.root / f"var/lib/splitter/calls.db{left}").unlink(missing_ok=True)
        await self._run("cp", "/root/calls.before", "/var/lib/splitter/calls.db")  # its owner and mode stay
        await self._run("systemctl", "start", _UNIT)
        assert self._ended() == [self.first_ended]
        await self._hung_up(await self._called())
        await until(lambda: len(self._ended()) == 2, 0.2)
        self.hour.done("the store of before is put back: its call is listed, and new ones are kept")

    async def go_forward_again(self) -> None:
        """Today's version once more, then nothing."""
        await self._install("/now.deb")
        await self._nothing_is_lost()
        assert self._format() == VERSION and len(self._ended()) == 2
        self.hour.done("upgraded again: nothing is lost")
        await self._run("apt-get", "purge", "-y", PACKAGE)
        left = [
            path
            for path in ("etc/splitter", "var/lib/splitter", "run/splitter", "opt/splitter")
            if (self.root / path).exists()
        ]
        assert not left, left
        self.hour.done("purged: nothing is left")

    # ---- what is looked at ---------------------------------------------------------------------------------------

    async def _nothing_is_lost(self) -> None:
        self._settings_stay()
        await self._logins_stay()
        assert "good" in await self._run("splitter", "check")
        assert self.first_ended in self._ended()
        assert "INVITE" in await self._run("splitter", "trace", self.first_ended)
        assert "running" in self._status()

    def _settings_stay(self) -> None:
        assert (self.root / "etc/splitter/splitter.toml").read_bytes() == self.configuration

    async def _logins_stay(self) -> None:
        """The token of before is believed, and so is the password."""
        async with aiohttp.ClientSession() as session:
            me = session.get(f"{_API}/v1/me", headers={"Authorization": f"Bearer {self.token}"}, ssl=False)
            async with me as answer:
                assert answer.status == 200, await answer.text()
        await self._logged_in()

    async def _logged_in(self) -> str:
        async with aiohttp.ClientSession() as session:
            wish = {"user": AGENT, "password": self.password}
            async with session.post(f"{_API}/v1/login", json=wish, ssl=False) as answer:
                assert answer.status == 200, await answer.text()
                return str((await answer.json())["token"])

    def _ended(self) -> list[str]:
        """The ids of calls that have ended, as the command lists them."""
        lines = self.machine.run("splitter", "calls", "--ended", "--jsonl").splitlines()
        return [json.loads(line)["call_id"] for line in lines if line.startswith("{")]

    def _known(self, call: Conversation) -> bool:
        """Whether the gateway lists it among those that live."""
        return call.caller.sip_call_id in self.machine.run("splitter", "calls", "--json")

    def _status(self) -> str:
        return self.machine.run("splitter", "status", expect=None)  # it may have an alarm

    def _format(self) -> int:
        with closing(sqlite3.connect(f"file:{self.root}/var/lib/splitter/calls.db?mode=ro", uri=True)) as db:
            return int(db.execute("PRAGMA user_version").fetchone()[0])

    async def _version(self) -> str:
        return (await self._run("dpkg-query", "-W", "-f", "${Version}", PACKAGE)).strip()

    # ---- what is done --------------------------------------------------------------------------------------------

    async def _run(self, *command: str) -> str:
        return await asyncio.to_thread(self.machine.run, *command)

    async def _install(self, package: str, *options: str) -> None:
        """Put a package in the place of the one that runs, and wait for the next process."""
        before = self.machine.main_pid(_UNIT)
        await self._run("apt-get", "install", "-y", "--no-install-recommends", *options, package)
        await until(lambda: self.machine.main_pid(_UNIT) not in (0, before), 0.2)
        await until(lambda: self._is("is-active", "active"), 0.2)

    def _is(self, asked: str, wanted: str) -> bool:
        return self.machine.run("systemctl", asked, _UNIT, expect=None).strip() == wanted

    async def _called(self) -> Conversation:
        call = self.town.call(Address(HOSTS["A"], 5060))
        await until(lambda: call.connected)
        return call

    async def _hung_up(self, call: Conversation) -> None:
        outcome = await call.caller.hang_up(PATIENCE_S)
        assert outcome is not None and outcome.accepted, outcome
        await until(lambda: call.over)

    async def _call_goes_on(self, call: Conversation) -> None:
        """The centre holds it or takes it up again, and the caller's side hears of it."""
        assert call.desk_phone is not None and call.inside is not None
        call.desk_phone.held = not call.desk_phone.held
        outcome = await call.inside.reoffer(PATIENCE_S)
        assert outcome.accepted, outcome
        expected = "sendonly" if call.desk_phone.held else "sendrecv"
        await until(lambda: call.phone.heard == expected)

    async def _goes_on_or_is_ended(self, call: Conversation) -> bool:
        """Of a newer version it is taken up, or ended on both sides; nothing between."""
        await until(lambda: call.over or self._known(call), 0.2)
        if call.over:
            return False
        await self._call_goes_on(call)
        return True


def main() -> None:
    """Build both packages, play it, and print the times."""
    commit = sys.argv[1] if sys.argv[1:] else FORMER
    machines_can_boot(fresh())
    before = former(commit)
    if before is None:
        sys.exit(f"commit {commit} is not in this checkout: git fetch --unshallow, or make upgrade FROM=COMMIT")
    folder = Path(tempfile.mkdtemp(prefix="splitter-upgrade-"))
    try:
        hour = play(before, built(), fresh(), folder)
        print(f"{hour}\n{hour.took_s:.0f} s from {commit} to this version, back, and forward again")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
