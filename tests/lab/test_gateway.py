"""The gateway under the demo, as far as it can be tested without one: its configuration, its ports in /proc."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from splitter.calls.settings import Role
from splitter.config.load import load
from splitter.core.net import Address
from splitter.lab.gateway import GatewayProcess, udp_ports


class TestConfiguration:
    def test_it_is_valid_and_names_every_neighbour(self, tmp_path: Path) -> None:
        gateway = GatewayProcess(tmp_path, Address("127.0.0.1", 5099), "12345")
        settings = load(gateway.configuration)
        assert [len(settings.trunks_of(role)) for role in (Role.ACCESS, Role.CENTRE, Role.SEAT)] == [1, 1, 1]
        assert settings.trunks["centre"].address == Address("127.0.0.1", 5099)
        assert settings.control_socket == str(gateway.control_socket)
        assert len({gateway.access.port, gateway.core.port, gateway.desk.port}) == 3


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="counts ports from Linux's /proc")
class TestUdpPorts:
    def test_own_and_childrens(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.bind(("127.0.0.1", 0))
            program = "import socket,sys; s=socket.socket(2,2); s.bind(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); sys.stdin.read()"
            child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert child.stdout is not None
            theirs = int(child.stdout.readline())
            ports = udp_ports(os.getpid())
            assert ports is not None
            assert {ours.getsockname()[1], theirs} <= set(ports)
            child.communicate()
        ports = udp_ports(os.getpid())
        assert ports is not None
        assert theirs not in ports


class TestStop:
    async def test_before_the_start_it_is_nothing(self, tmp_path: Path) -> None:
        gateway = GatewayProcess(tmp_path, Address("127.0.0.1", 5099), "12345")
        assert await gateway.stop() is None
        assert gateway.last_words() == ""
        assert not gateway.alive
