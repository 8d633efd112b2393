"""Homer's protocol as another implementation reads it: Kamailio's sipcapture, which stands for any collector."""

from __future__ import annotations

import random
import signal
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess
from splitter.lab.places import free_ports
from splitter.telemetry import hep
from splitter.telemetry.ends import End, MessagePath
from tests.chaos.crowd import CALLED, HOST, Town
from tests.interop.process import Process
from tests.patience import PATIENCE_S, until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

_CONFIGURATION = """
debug = 2
log_stderror = yes
fork = no
children = 1
listen = udp:{collector}
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
modparam("db_text", "db_mode", 1)
modparam("sipcapture", "db_url", "text://{folder}")
modparam("sipcapture", "hep_capture_on", 1)
request_route {{ xlog("L_NOTICE", "heard $rm of $ci from $si:$sp\\n"); drop; }}
onreply_route {{ xlog("L_NOTICE", "heard $rs of $ci from $si:$sp\\n"); drop; }}
"""
# What sipcapture writes of a log; db_text has no type for a date.
_LOGS = (
    "id(int,auto) date(int,null) micro_ts(int,null) correlation_id(string,null) source_ip(string,null) "
    "source_port(int,null) destination_ip(string,null) destination_port(int,null) proto(int,null) family(int,null) "
    "type(int,null) node(string,null) msg(string,null)\n"
)
# A message behind all that the gateway has told of.
_LAST = b"\r\n".join(
    (
        b"OPTIONS sip:collector SIP/2.0",
        b"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKlast",
        b"From: <sip:test@localhost>;tag=1",
        b"To: <sip:collector>",
        b"Call-ID: last",
        b"CSeq: 1 OPTIONS",
        b"Content-Length: 0",
        b"\r\n",
    )
)


class Collector:
    """A Kamailio that takes HEP alone."""

    def __init__(self, folder: Path) -> None:
        self.address = Address(HOST, *free_ports(HOST, 1))
        self._logs = folder / "logs_capture"
        self._logs.write_text(_LOGS)
        (folder / "version").write_text("table_name(string) table_version(int)\nlogs_capture:4\n")
        configuration = folder / "kamailio.cfg"
        configuration.write_text(_CONFIGURATION.format(collector=self.address, folder=folder))
        command = ["kamailio", "-f", str(configuration), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(folder)]
        self.process = Process("collector", command, folder)

    @property
    def heard(self) -> list[str]:
        """The messages it was told of."""
        lines = self.process.log.read_text(errors="replace").splitlines()
        return [line.partition("heard ")[2] for line in lines if "<script>: heard " in line]

    @property
    def ready(self) -> bool:
        return "dbt_cache_get_db" in self.process.log.read_text(errors="replace")

    @property
    def logs(self) -> list[str]:
        """The logs it was told of, as their rows."""
        return self._logs.read_text().splitlines()[1:]

    async def end(self) -> None:
        """Have it end well, when it has taken what it was told of; it does not bear a signal at its work."""
        path = MessagePath(End(ip_address(HOST), 9), End(ip_address(HOST), self.address.port), "udp")
        told = hep.packet(hep.CaptureAgent(1), path, time.time(), hep.Payload.SIP, _LAST, "last")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(told, (self.address.host, self.address.port))
            await until(lambda: any(line.startswith("OPTIONS of last ") for line in self.heard))
        self.process.signal(signal.SIGTERM)
        self.process.wait(10)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    folder = tmp_path / "collector"
    folder.mkdir()
    collector = Collector(folder)
    yield collector
    collector.process.kill()


async def test_a_collector_hears_of_both_legs_and_of_what_happened(tmp_path: Path, collector: Collector) -> None:
    town = Town(random.Random(1))
    await town.start()
    more = f'[hep]\nsend_to = "{collector.address}"\n'
    gateway = GatewayProcess(tmp_path, town.centre.address, CALLED, HOST, more)
    try:
        await until(lambda: collector.ready, 0.1)
        await gateway.start()
        call = town.call(gateway.access)
        await until(lambda: call.connected)
        await call.caller.hang_up(PATIENCE_S)
        assert call.inside is not None
        outer, inner = call.caller.sip_call_id, call.inside.sip_call_id
        expected = [
            f"INVITE of {outer} from {town.sbc.address}",
            f"INVITE of {inner} from {gateway.core}",
            f"200 of {inner} from {town.centre.address}",
            f"200 of {outer} from {gateway.access}",
            f"BYE of {outer} from {town.sbc.address}",
            f"BYE of {inner} from {gateway.core}",
        ]
        await until(lambda: set(expected) <= set(collector.heard), 0.1)
    finally:
        await gateway.stop()
        await town.stop()
    await collector.end()  # it writes its rows then
    assert any("the caller hung up" in row for row in collector.logs)
    assert {row.split(":")[3] for row in collector.logs} == {outer}, "found by the first leg's Call-ID"
