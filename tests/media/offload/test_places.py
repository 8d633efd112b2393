"""Where the kernel can have a voice, and where not; what becomes of programs whose process is gone."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from splitter.core.net import Address
from splitter.media.offload import bpf
from splitter.media.offload.attach import FilterAttachment, name_of, remove_dead
from splitter.media.offload.kernel import KernelOffload, open_offload
from splitter.media.offload.layout import key_of
from splitter.media.offload.ports import FlowCount, OffloadLost, OffloadRefused
from splitter.media.offload.rtnetlink import Netlink
from tests.media.offload.lab import CALLER, CENTRE, CENTRE_6, GATEWAY_ACCESS, GATEWAY_CORE_6, Lab, engage, kernel
from tests.media.offload.others import links_at, take_programs_off
from tests.media.offload.test_contract import FLOW, rtp, soon
from tests.patience import wait


@pytest.fixture
def netlink(lab: Lab) -> Iterator[Netlink]:
    made = Netlink()
    yield made
    made.close()


def old(program: int, interface: int) -> int:
    """A kernel before 6.6."""
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def flows_through(lab: Lab) -> None:
    """Have a packet of FLOW pass."""
    with lab.caller.socket(CALLER, 4000) as caller, lab.centre.socket(CENTRE, 5000) as centre:
        caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
        assert centre.recvfrom(2000)[0] == rtp(1)


def killed(before: str) -> None:
    """Have another process engage FLOW and be killed. `before`: what it does first."""
    text = (
        "import errno, os, signal\n"
        "from splitter.media.offload import bpf\n"
        f"{before}"
        "from tests.media.offload.test_contract import FLOW\n"
        "from tests.media.offload.lab import engage\n"
        "from splitter.media.offload.kernel import KernelOffload\n"
        "made = KernelOffload(10)\n"
        "engage(made, FLOW)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == -signal.SIGKILL


def arrives_in_time(caller: socket.socket, port: socket.socket) -> bool:
    """Have packets of FLOW sent until one comes to the worker's port."""
    port.settimeout(0.05)

    def arrives() -> bool:
        caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
        try:
            return port.recv(2000) == rtp(1)
        except TimeoutError:
            return False

    wait(arrives)
    return True


class TestRefusal:
    """Each in words that an operator can act on."""

    @pytest.mark.parametrize(
        ("commands", "reason"),
        [
            (["ip addr del 10.77.1.1/24 dev access"], "no route from 10.77.1.1"),
            (["ip route del 10.77.2.0/24"], "no route from 10.77.2.1 to 10.77.2.2: Network is unreachable"),
            (["ip route add blackhole 10.77.2.2"], "no route from 10.77.2.1 to 10.77.2.2"),
            (["ip link set core down"], "no route"),
            (["ip link set core mtu 500"], "the MTU of core towards 10.77.2.2 is 500"),
            (["ip route add 10.77.2.2 dev core mtu 400"], "the MTU of core towards 10.77.2.2 is 400"),
        ],
    )
    def test_for_the_network(self, lab: Lab, offload: KernelOffload, commands: list[str], reason: str) -> None:
        lab.gateway.run(*commands)
        with pytest.raises(OffloadRefused, match=reason):
            engage(offload, FLOW)

    def test_of_what_never_leaves_the_machine(self, offload: KernelOffload) -> None:
        local = replace(FLOW, destination=Address(GATEWAY_ACCESS, 5000))
        with pytest.raises(OffloadRefused, match=r"10\.77\.1\.1 is on this machine: loopback"):
            engage(offload, local)

    def test_of_ports_on_every_address(self, offload: KernelOffload) -> None:
        with pytest.raises(OffloadRefused, match="not bound to one address"):
            engage(offload, replace(FLOW, out=Address("0.0.0.0", 30_002)))

    def test_between_ipv4_and_ipv6(self, offload: KernelOffload) -> None:
        six = replace(FLOW, out=Address(GATEWAY_CORE_6, 30_002), destination=Address(CENTRE_6, 5000))
        with pytest.raises(OffloadRefused, match="IPv4"):
            engage(offload, six)

    def test_of_everything_where_the_system_does_not_allow_it(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(code: bytes) -> int:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(bpf, "load", denied)
        made = open_offload(10)
        assert (made.engaged, "CAP_BPF" in made.broken) == (0, True)
        with pytest.raises(OffloadRefused, match="CAP_BPF and CAP_NET_ADMIN are needed"):
            engage(made, FLOW)
        made.close()


class TestPaths:
    def test_lead_over_the_next_hop_of_the_route(self, lab: Lab, offload: KernelOffload) -> None:
        far = replace(FLOW, destination=Address("198.51.100.7", 5000))
        lab.gateway.run("ip route add 198.51.100.0/24 via 10.77.2.2")
        with lab.centre:
            lab.centre.run("ip addr add 198.51.100.7/32 dev lo")
        engage(offload, far)
        with lab.caller.socket(CALLER, 4000) as caller, lab.centre.socket("198.51.100.7", 5000) as centre:
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            assert centre.recvfrom(2000)[0] == rtp(1)

    def test_may_lead_out_where_packets_came_in(self, lab: Lab, offload: KernelOffload) -> None:
        back = replace(FLOW, out=Address(GATEWAY_ACCESS, 30_002), destination=Address(CALLER, 5000))
        engage(offload, back)
        with lab.caller.socket(CALLER, 4000) as caller, lab.caller.socket(CALLER, 5000) as other:
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            assert other.recvfrom(2000) == (rtp(1), (GATEWAY_ACCESS, 30_002))

    @pytest.mark.parametrize("kind", ["bridge", "bond"])
    def test_over_a_link_of_links(self, lab: Lab, offload: KernelOffload, kind: str) -> None:
        try:
            lab.gateway.run(f"ip link add both type {kind}")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this kernel has none: {error.stderr.decode().strip()}")
        lab.gateway.run(
            "ip addr flush dev access",
            "ip link set access down",
            "ip link set access master both",
            "ip link set access up",
            "ip link set both up",
            "ip addr add 10.77.1.1/24 dev both",
        )
        wait(lambda: b"state UP" in lab.show("both"))
        ticket = engage(offload, FLOW)
        with lab.caller.socket(CALLER, 4000) as caller, lab.centre.socket(CENTRE, 5000) as centre:
            centre.settimeout(0.1)

            def passes() -> bool:  # once it has learned
                caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
                try:
                    return centre.recv(2000) == rtp(1)
                except TimeoutError:
                    return False

            wait(passes)
        assert ticket.read().packets > 0

    def test_to_elsewhere_since_are_a_loss(self, lab: Lab, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        lab.gateway.run("ip route add 10.77.2.2/32 via 10.77.2.99")
        assert soon(ticket) == "the way to 10.77.1.2 or 10.77.2.2 is another one now"

    def test_of_others_that_change_are_none(self, lab: Lab, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        generation = offload.paths.generation
        lab.gateway.run("ip route add 203.0.113.0/24 via 10.77.2.2")
        offload.look()
        while offload.paths.generation == generation:
            offload.look()
        assert ticket.read().packets == 0

    def test_whose_link_is_gone_are_a_loss(self, lab: Lab, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        lab.gateway.run("ip link del core")
        assert "10.77.2.1" in soon(ticket)


class TestPlaces:
    def test_are_left_to_nobody_when_the_worker_ends(self, lab: Lab, offload: KernelOffload) -> None:
        engage(offload, FLOW)
        flows_through(lab)
        offload.close()
        with lab.gateway.socket(GATEWAY_ACCESS, 30_000) as port, lab.caller.socket(CALLER, 4000) as caller:
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            assert port.recv(2000) == rtp(1)

    def test_are_left_to_nobody_when_the_worker_is_killed(self, lab: Lab) -> None:
        if links_at("access") is None:
            return  # a filter stays; see below
        killed("")
        with lab.gateway.socket(GATEWAY_ACCESS, 30_000) as port, lab.caller.socket(CALLER, 4000) as caller:
            assert arrives_in_time(caller, port)

    def test_of_a_link_that_is_gone_where_packets_arrive_are_a_loss(self, lab: Lab, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        lab.gateway.run("ip link del access")
        assert soon(ticket)

    def test_that_somebody_emptied_are_a_loss(self, lab: Lab, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        take_programs_off("access")
        assert soon(ticket) == "the voice program is gone from access"
        ticket.give_back()
        engage(offload, FLOW)
        flows_through(lab)

    def test_in_the_map_that_somebody_emptied_are_a_loss(self, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        offload.flows.take(key_of(FLOW))
        with pytest.raises(OffloadLost, match="gone from the kernel's map"):
            ticket.read()
        assert ticket.give_back() == FlowCount()

    def test_that_cannot_be_emptied_are_given_up_with_all_flows(
        self, lab: Lab, offload: KernelOffload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = engage(offload, FLOW)
        two = engage(offload, replace(FLOW, source=Address(CALLER, 4002)))

        def broken(key: bytes) -> bytes | None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(offload.flows, "take", broken)
        one.give_back()
        with pytest.raises(OffloadLost, match="cannot be taken back"):
            two.read()
        with pytest.raises(OffloadRefused, match="cannot be taken back"):
            engage(offload, FLOW)
        with lab.gateway.socket(GATEWAY_ACCESS, 30_000) as port, lab.caller.socket(CALLER, 4000) as caller:
            assert arrives_in_time(caller, port), "the flow is in the map, and the program is gone"


class TestFilters:
    """Places on a kernel that has no links for them."""

    @pytest.fixture
    def filtered(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[KernelOffload]:
        monkeypatch.setattr(bpf, "link", old)
        with kernel() as made:
            yield made

    def test_do_the_same(self, lab: Lab, filtered: KernelOffload, netlink: Netlink) -> None:
        ticket = engage(filtered, FLOW)
        flows_through(lab)
        assert ticket.read().packets == 1
        access = socket.if_nametoindex("access")
        assert [one.name for one in netlink.filters(access)] == [name_of(os.getpid())]
        filtered.close()
        assert netlink.filters(access) == []

    def test_that_somebody_removed_are_a_loss(self, lab: Lab, filtered: KernelOffload) -> None:
        ticket = engage(filtered, FLOW)
        lab.gateway.run("tc qdisc del dev access clsact")
        assert soon(ticket) == "the voice program is gone from access"

    def test_of_the_dead_are_removed_and_others_left_alone(self, lab: Lab, netlink: Netlink) -> None:
        access = socket.if_nametoindex("access")
        with kernel() as made:
            program = bpf.load(bytes.fromhex("b700000000000000 9500000000000000"))
            for name in (f"{name_of(os.getpid())}9", "splitter_voice:4194400:1", "splitter_voice:x", "another"):
                netlink.put_filter(access, program, name)
            living = FilterAttachment(program, access)
            os.close(program)
            made.close()
        assert remove_dead() == 2
        assert sorted(one.name for one in netlink.filters(access)) == sorted(
            ["splitter_voice:x", "another", name_of(os.getpid())]
        )
        assert living.is_there()
        living.take_off()
        living.take_off()
        assert len(netlink.filters(access)) == 2

    def test_of_a_worker_that_was_killed_are_found_at_the_next_start(self, lab: Lab, netlink: Netlink) -> None:
        killed("def old(program, interface): raise OSError(errno.EINVAL, 'old')\nbpf.link = old\n")
        access = socket.if_nametoindex("access")
        assert len(netlink.filters(access)) == 1
        flows_through(lab)  # which is what its successor must not find
        with kernel():
            assert netlink.filters(access) == []
