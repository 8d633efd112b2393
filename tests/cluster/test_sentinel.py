"""Valkey with a replica and Sentinel, over IPv6 and TLS: the primary dies, and the node goes on with the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Valkey, ValkeyError, ValkeyFault
from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.places import free_ports
from tests.cluster.server import Server, program, short_folder
from tests.cluster.test_processes import ended, says
from tests.interop.process import Process, eventually
from tests.patience import PATIENCE_S, until
from tests.transport.pki import authority, paper

pytestmark = pytest.mark.interop

NAME = "mymaster"
_SENTINEL = """\
port 0
bind ::1
tls-port {port}
tls-cert-file {certificate}
tls-key-file {key}
tls-ca-cert-file {ca}
tls-auth-clients no
tls-replication yes
requirepass of-sentinel
sentinel monitor {name} ::1 {primary} 1
sentinel down-after-milliseconds {name} 1000
sentinel failover-timeout {name} 3000
"""


@dataclass
class Watched:
    """A primary, its replica, and the Sentinel that watches both; `port` is its own."""

    primary: Server
    replica: Server
    port: int
    folder: Path

    def down_after(self, seconds: float) -> None:
        """Let Sentinel replace a primary that has been silent for so long."""
        place = {"host": "::1", "port": self.port, "ssl": True, "ssl_ca_certs": str(authority().certificate)}
        with redis.Redis(**place, password="of-sentinel", protocol=2) as client:  # type: ignore[arg-type]
            client.execute_command("SENTINEL", "SET", NAME, "down-after-milliseconds", round(1000 * seconds))

    def settings(self, **changes: object) -> ClusterSettings:
        known: dict[str, object] = {"node": "a", "host": "A", "valkey": (f"rediss://[::1]:{self.port}",), "prefix": "p"}
        known |= {"sentinel": NAME, "sentinel_password_file": str(self.folder / "sentinel-password")}
        return ClusterSettings(**known | {"ca": str(authority().certificate)} | changes)  # type: ignore[arg-type]


@pytest.fixture
def watched() -> Iterator[Watched]:
    ports = free_ports("::1", 3)
    with ExitStack() as stack:
        folders = [stack.enter_context(short_folder()) for _ in range(3)]
        primary = stack.enter_context(Server(folders[0], *over_tls(ports[0])))
        following = ("--replicaof", "::1", str(ports[0]))
        replica = stack.enter_context(Server(folders[1], *over_tls(ports[1]), *following))
        eventually(lambda: replica.command("ROLE")[3] == b"connected", "the replica follows", more=replica.tail)
        (folders[2] / "sentinel-password").write_text("of-sentinel\n")
        stack.enter_context(sentinel(folders[2], ports[2], ports[0]))
        yield Watched(primary, replica, ports[2], folders[2])


@contextmanager
def sentinel(folder: Path, port: int, primary: int) -> Iterator[Process]:
    own = paper("IP:::1")
    values = {"port": port, "primary": primary, "name": NAME, "ca": authority().certificate}
    text = _SENTINEL.format(certificate=own.certificate, key=own.key, **values)
    (folder / "sentinel.conf").write_text(text)
    with Process("sentinel", [program(), str(folder / "sentinel.conf"), "--sentinel"], folder) as process:
        process.wait_for("+slave slave", 15)
        yield process


def over_tls(port: int) -> tuple[str, ...]:
    own = paper("IP:::1")
    files = ("--tls-cert-file", str(own.certificate), "--tls-key-file", str(own.key))
    trust = ("--tls-ca-cert-file", str(authority().certificate), "--tls-auth-clients", "no", "--tls-replication", "yes")
    return ("--port", "0", "--bind", "::1", "--tls-port", str(port), *files, *trust)


def fault(settings: ClusterSettings) -> tuple[ValkeyFault, str]:
    with pytest.raises(ValkeyError) as found:
        Valkey(settings).command("PING")
    return found.value.fault, str(found.value)


class TestSentinel:
    def test_says_where_the_primary_is_and_who_follows_it(self, watched: Watched) -> None:
        valkey = Valkey(watched.settings())
        assert valkey.command("SET", "x", "1") == b"OK"
        assert watched.primary.command("GET", "x") == b"1"
        assert watched.primary.command("WAIT", "1", "20000") == 1, "the replica has it"
        watched.primary.kill()
        with pytest.raises(ValkeyError):
            valkey.command("GET", "x")

        def answered() -> bool:
            try:
                return bool(valkey.command("SET", "y", "2") == b"OK")
            except ValkeyError:
                return False

        eventually(answered, "the replica is the primary", 10, watched.replica.tail)
        assert valkey.command("GET", "x") == b"1" and watched.replica.command("GET", "y") == b"2"
        valkey.close()

    def test_what_is_wrong_is_said(self, watched: Watched) -> None:
        wrong = str(paper("IP:::1", serial=2, signed=False).certificate)
        kind, text = fault(watched.settings(ca=wrong))
        assert kind is ValkeyFault.UNTRUSTED and "not signed by [cluster] ca" in text
        kind, text = fault(watched.settings(sentinel="another"))
        assert kind is ValkeyFault.DOWN and "another" in text
        assert fault(watched.settings(sentinel_password_file=""))[0] is ValkeyFault.PASSWORD


class TestANode:
    async def test_goes_on_with_the_next_primary(self, watched: Watched, tmp_path: Path) -> None:
        settings = watched.settings()
        table = f'[cluster]\nnode = "a"\nhost = "A"\nvalkey = ["valkeys://[::1]:{watched.port}"]\nsentinel = "{NAME}"\n'
        table += f'sentinel_password_file = "{settings.sentinel_password_file}"\nca = "{settings.ca}"\n'
        gateway = GatewayProcess(tmp_path, Address("127.0.0.1", 9), "12345", more=table)
        wrong = tmp_path / "wrong"
        wrong.mkdir()
        other = paper("IP:::1", serial=2, signed=False).certificate
        doubter = gateway.twin(wrong, **{'host = "A"': 'host = "B"', settings.ca: str(other)})
        async with ended(gateway, doubter):
            await gateway.start()
            await doubter.start("standby")
            await says(doubter, "the certificate that Valkey shows is not signed by [cluster] ca")
            watched.down_after(10 * PATIENCE_S)
            watched.primary.kill()
            await says(gateway, "nothing is protected: Valkey")
            watched.down_after(1.0)
            await until(lambda: watched.replica.command("ROLE")[0] == b"master")
            async with asyncio.timeout(PATIENCE_S):
                while "Valkey" in " ".join((await gateway.get("/v1/status"))["alarms"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert await gateway.state() == "running"
            assert watched.replica.command("HGET", "splitter:lease:a", "owner").startswith(b"A ")
