"""A floor over two hosts: Kamailio in front of two nodes, Asterisk behind them, an agent's phone, callers. Does I/O.

    handset ── Kamailio ─┬─ node a: on host A, host B stands by; its address is wherever keepalived has it
      (operator's side)  └─ node b: on host B alone
                              └────── Asterisk with its queue ── the agent's desk phone

All but the hosts is in the lab (tests/cluster/namespaces.py), which is where this process is too, and the browser.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from splitter.core.net import Address
from splitter.lab.codec import VideoShape
from splitter.lab.gateway import GatewayProcess
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine
from splitter.lab.party import Dialect
from splitter.lab.video import VideoSettings
from tests.cluster.namespaces import LAB, NODE, Namespaces
from tests.cluster.site import VALKEY_PORT, keepalived, shared_valkey
from tests.cluster.sniffer import Sniffer
from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.kamailio import Kamailio
from tests.interop.scene import CALLED, CENTRE_PORT, Scene, until
from tests.patience import PATIENCE_S
from tests.patience import until as soon
from tests.transport.pki import paper

OTHER_NODE = "10.77.0.11"
EXTENSION, PASSWORD = "8001", "open sesame"
CALLER, CALLER_HZ, AGENT_HZ = 1, 440.0, 660.0
PORTS = (5060, 5062, 5064)
API_PORT = 8443
_SHAPE = VideoShape(480, 640, 15, 500)

_MORE = """
[api]
listen = ["{node}:{port}"]
media_network = "desk"
certificate = "{certificate}"
key = "{key}"
secret_file = "{shared}/secret"

[[account]]
user = "{extension}"
password = "{password}"
extension = "{extension}"

[trunk.web]
role = "web"
network = "desk"

[[route]]
called = "{called}"
from = "web"
to = ["centre"]

[web_calls]
trunk = "web"
anonymous = true
return_limit_s = 30

[cluster]
node = "{name}"
host = "{host}"
valkey = ["valkey://{lab}:{valkey}"]
user = "splitter"
password_file = "{folder}/password"
track_file = "{folder}/track"
api_url = "https://{node}:{port}"
"""


class LabDesk(Desk):
    """The roles of the interop tests, as addresses of the lab."""

    def __init__(self) -> None:
        pass  # nobody else is in this network: no address has to be held

    def host(self, number: int) -> str:
        return f"10.77.0.{100 + number}"

    @property
    def access(self) -> str:
        return NODE

    @property
    def core(self) -> str:
        return NODE

    @property
    def used(self) -> tuple[str, ...]:
        """The addresses that somebody of the lab has."""
        return (self.host(5), self.host(6), self.caller, self.centre, self.agent, self.colleague)

    def __exit__(self, *_: object) -> None:
        pass


class Floor:
    """All of it, inside the namespace of the lab.

    Attributes:
        a: node a on host A. standby: the same node on host B. b: node b on host B.
        kamailio: in front of both nodes.
        voice: what the agent says and hears.
    """

    def __init__(self, net: Namespaces, folder: Path, stack: AsyncExitStack) -> None:
        self.net = net
        self.desk = LabDesk()
        self.sniffer = Sniffer("br0", NODE, PORTS)
        self._folder, self._stack = folder, stack
        for address in self.desk.used:
            net.add_address("lab", address)
        net.add_address("B", OTHER_NODE)

    async def start(self) -> None:
        """Everybody, in the order in which they find each other."""
        self._stack.enter_context(shared_valkey(self._folder))
        self.asterisk = self._stack.enter_context(Asterisk(self.desk, beside=[OTHER_NODE]))
        self.scene = Scene(self.desk, self._folder)
        self._stack.callback(self.scene.close)
        self.a = self._gateway("a", "A", NODE)
        twin = self._place("standby")
        self.standby = self.a.twin(twin, self.net.within("B"), **{'host = "A"': 'host = "B"'})
        self.b = self._gateway("b", "B", OTHER_NODE)
        for host, folder in (("A", self.a.directory), ("B", self.standby.directory)):
            self._stack.callback(keepalived(self.net, host, folder).stop)
        for gateway, state in ((self.a, "running"), (self.standby, "standby"), (self.b, "running")):
            self._stack.push_async_callback(gateway.stop)
            await gateway.start(state)
        await soon(lambda: self.net.has_address("A"))
        self.kamailio = Kamailio(self.desk, [NODE, OTHER_NODE])
        self._stack.callback(self.kamailio.stop)
        self.kamailio.start()
        self.sniffer.start()
        self._stack.callback(self.sniffer.close)
        self.voice = self.scene.voice(self.desk.agent, CENTRE_PORT, AGENT_HZ)

    def program(self, name: str, command: str) -> str:
        """A program of this name that runs the command in the lab, for whoever starts it from elsewhere."""
        path = self._folder / name
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.net.within("lab"))} {command} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def phone(self, name: str, calls: int = 1) -> Any:
        """The agent's desk phone: picks up, and waits for the end."""
        return self.scene.centre("centre-answers", name=name, host=self.desk.agent, calls=calls)

    def let(self, state: str, node: str) -> None:
        """Let Kamailio give calls to a node ("a"), or to the other one alone ("d")."""
        self.kamailio.ask("dispatcher.set_state", state, 1, self.kamailio.uri(node))

    async def call(self, number: str) -> Handset:
        """A call that has come through Kamailio and was answered."""
        video = VideoSettings(sender=CALLER, shape=_SHAPE, orientation_id=7)
        dialect = Dialect(picture=VideoLine.TALL)
        settings = HandsetSettings(number, tone_hz=CALLER_HZ, listen_hz=(AGENT_HZ,), video=video, dialect=dialect)
        handset = Handset(settings, self.desk.caller)
        self._stack.push_async_callback(handset.stop)
        await handset.start()
        outcome = await handset.dial(CALLED, Address(self.kamailio.operator_side, 5060)).answered(PATIENCE_S)
        assert outcome.accepted, f"{outcome.status} {outcome.reason}"
        return handset

    def talks_on(self, phone: Any) -> None:
        """Let the agent's voice go where the phone was told."""
        self.voice.talk_to(until(phone, "INVITE").sdp.address_of(0))

    def gap_towards(self, address: str) -> float:
        """The longest silence of node a towards an address since the last reset, of voice and video; seconds."""
        return max(one.gap_s for (_, target, _), one in self.sniffer.steady().items() if target == address)

    def _gateway(self, name: str, host: str, node: str) -> GatewayProcess:
        folder = self._place(name)
        mine = paper(f"IP:{node}")
        more = _MORE.format(
            **{"node": node, "name": name, "host": host, "port": API_PORT, "folder": folder, "shared": self._folder},
            **{"lab": LAB, "valkey": VALKEY_PORT, "extension": EXTENSION, "password": PASSWORD},
            **{"called": CALLED, "certificate": mine.certificate, "key": mine.key},
        )
        centre = Address(self.desk.centre, 5060)
        gateway = GatewayProcess(folder, centre, CALLED, node, more, PORTS, self.net.within(host))
        gateway.configure(
            (f'role = "access"\nnetwork = "access"\npeers = ["{node}"]', _BEHIND.format(self.desk.host(6)))
        )
        return gateway

    def _place(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        (folder / "track").write_text("0\n")
        (folder / "password").write_text("CHANGE-ME\n")
        return folder


_BEHIND = 'role = "access"\nnetwork = "access"\npeers = ["{}"]'


@asynccontextmanager
async def floor() -> AsyncIterator[Floor]:
    """Everything runs inside; nothing is left after it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spl-")))
        made = Floor(stack.enter_context(Namespaces()), folder, stack)
        try:
            await made.start()
            yield made
        except BaseException:
            for gateway in (made.a, made.standby, made.b):
                print(f"---- {gateway.directory.name}\n{gateway.last_words(60)}")
            raise
