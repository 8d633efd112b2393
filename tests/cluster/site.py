"""Two hosts that stand in for each other, with keepalived, Valkey, a voice centre, handsets and seats. Does I/O."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.process import LabProcess
from splitter.lab.seat import Seat, SeatSettings
from splitter.lab.stage import CALLED, call_id_in
from tests.chaos.crowd import Town
from tests.cluster.namespaces import HOSTS, LAB, NODE, Namespaces
from tests.cluster.server import Server
from tests.cluster.sniffer import Sniffer
from tests.interop.process import Process
from tests.patience import PATIENCE_S, until

SIPCONF = Path(__file__).parents[2] / "sipconf"
VALKEY_PORT, PORTS = 6379, (5060, 5062, 5064)
AGENT_HZ = 660.0

_CLUSTER = """
[cluster]
node = "a"
host = "A"
valkey = ["valkey://{lab}:{port}"]
user = "splitter"
password_file = "{directory}/password"
track_file = "{directory}/track"
restart_grace_s = {grace_s}
"""


@dataclass
class Host:
    """One of the two: its process of node a, and its keepalived."""

    name: str
    folder: Path
    gateway: GatewayProcess
    keepalived: Process


@dataclass
class Talking:
    """An answered call with a seat in it."""

    handset: Handset
    seat: Seat | None
    call_id: str

    async def heard_again(self) -> None:
        hearing = self.handset.audio.hearing
        heard = hearing.seconds(AGENT_HZ)
        await until(lambda: hearing.seconds(AGENT_HZ) > heard + 0.2)


class Site:
    """All of it, inside the namespace of the lab."""

    def __init__(
        self, net: Namespaces, folder: Path, valkey: Server, centre: LabProcess, most: int = 20, grace_s: float = 10.0
    ) -> None:
        self.net = net
        self.valkey = valkey
        self.centre = centre
        self._most, self._grace_s = most, grace_s
        self.hosts: dict[str, Host] = {}
        self.sniffer = Sniffer("br0", NODE, PORTS)
        self._folder = folder
        self._parties: list[Handset | Seat] = []

    async def start(self, centre: Address | None = None) -> None:
        """Host A becomes node a, host B waits. `centre`: another one than ours."""
        centre = centre or Address(LAB, (await self.centre.wait_for("ready"))["port"])
        folders = {name: self._folder / name for name in HOSTS}
        for folder in folders.values():
            folder.mkdir()
            (folder / "track").write_text("0\n")
            (folder / "password").write_text("CHANGE-ME\n")
        first = GatewayProcess(
            folders["A"],
            centre,
            CALLED,
            NODE,
            _CLUSTER.format(lab=LAB, port=VALKEY_PORT, directory=folders["A"], grace_s=self._grace_s),
            PORTS,
            self.net.within("A"),
            self._most,
        )
        text = first.configuration.read_text().replace(f'peers = ["{NODE}"]', f'peers = ["{LAB}"]')
        first.configuration.write_text(text)
        twin = first.twin(folders["B"], self.net.within("B"), **{'host = "A"': 'host = "B"'})
        for name, gateway in (("A", first), ("B", twin)):
            self.hosts[name] = Host(name, folders[name], gateway, keepalived(self.net, name, folders[name]))
        await first.start()
        await twin.start("standby")
        await until(lambda: self.net.has_address("A"))
        self.sniffer.start()

    async def stop(self) -> None:
        self.sniffer.close()
        for party in reversed(self._parties):
            await party.stop()
        for host in self.hosts.values():
            host.keepalived.stop()
            if host.gateway.alive:
                await host.gateway.stop()

    async def call(self, number: str = "13800000000", seat: bool = True) -> Talking:
        """A call that the centre has answered, with a seat in it if wished."""
        gateway = self.hosts["A"].gateway
        handset = Handset(HandsetSettings(number=number), LAB)
        self._parties.append(handset)
        await handset.start()
        before = len(self.centre.events)
        assert (await handset.dial(CALLED, gateway.access).answered()).accepted
        call_id = call_id_in(await self.centre.wait_for("invite", since=before))
        assert call_id is not None
        joined = await self._join(call_id, gateway) if seat else None
        talking = Talking(handset, joined, call_id)
        await talking.heard_again()
        return talking

    async def _join(self, call_id: str, gateway: GatewayProcess) -> Seat:
        seat = Seat(SeatSettings(), LAB)
        self._parties.append(seat)
        await seat.start()
        assert (await seat.join(call_id, gateway.desk).answered()).accepted
        return seat


def keepalived(net: Namespaces, name: str, folder: Path) -> Process:
    """With the file of sipconf/keepalived; addresses, names and paths become those of the test."""
    other = next(host for host in HOSTS if host != name)
    text = (SIPCONF / "keepalived" / "keepalived.conf").read_text(encoding="utf-8")
    changes = {
        "10.1.0.2\n": HOSTS[name] + "\n",
        "10.1.0.3\n": HOSTS[other] + "\n",
        "10.1.0.10/24": f"{NODE}/24",
        "/run/splitter/lease-a ": f"{folder}/track ",
        "router_id host-a": f"router_id host-{name}",
        "script_user nobody": "script_user root",
    } | ({"priority 100": "priority 90"} if name == "B" else {})
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "keepalived.conf").write_text(text)
    files = ["-f", "keepalived.conf", "-p", str(folder / "k.pid"), "-r", str(folder / "v.pid")]
    return Process("keepalived", [*net.within(name), "keepalived", "-n", "-l", "-D", *files], folder)


def shared_valkey(folder: Path) -> Server:
    """With the file of sipconf/valkey, in the lab."""
    text = (SIPCONF / "valkey" / "valkey.conf").read_text(encoding="utf-8")
    assert "bind 10.1.0.40\nport 6379\n" in text
    (folder / "valkey.conf").write_text(
        text.replace("bind 10.1.0.40\nport 6379\n", f"bind {LAB}\nport {VALKEY_PORT}\n")
    )
    return Server(folder, file=folder / "valkey.conf")


@asynccontextmanager
async def site(town: Town | None = None, most: int = 20, grace_s: float = 10.0) -> AsyncIterator[Site]:
    """Everything runs inside; nothing is left after it. `town`: the neighbours instead of ours. `most`: calls.

    `grace_s`: how long host B waits for a gateway whose host lives, or that said that it begins anew.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spl-")))
        net = stack.enter_context(Namespaces())
        valkey = stack.enter_context(shared_valkey(folder))
        plan = json.dumps({"ring_s": 0.1, "queue_s": 0.1})
        centre = LabProcess("splitter.lab.centre", "--listen", f"{LAB}:0", "--plan", plan)
        stack.push_async_callback(centre.stop)
        await centre.start()
        made = Site(net, folder, valkey, centre, most, grace_s)
        if town is not None:
            await town.start()
            stack.push_async_callback(town.stop)
        stack.push_async_callback(made.stop)
        async with asyncio.timeout(2 * PATIENCE_S):
            await made.start(town.centre.address if town is not None else None)
        yield made
