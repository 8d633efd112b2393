"""Networks that are VLANs: the program sits at the VLAN's own interface, where tags are gone; they are put on behind it."""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest

from splitter.core.net import Address
from splitter.media.offload.kernel import KernelOffload
from splitter.media.offload.layout import TOS
from splitter.media.offload.ports import VoiceFlow
from tests.media.offload.lab import (
    CALLER,
    CALLER_6,
    CENTRE,
    CENTRE_6,
    GATEWAY_ACCESS,
    GATEWAY_ACCESS_6,
    GATEWAY_CORE_6,
    Lab,
    engage,
)
from tests.media.offload.test_contract import FLOW, rtp, soon
from tests.patience import wait

NUMBER = 7
FLOW_6 = VoiceFlow(
    Address(CALLER_6, 4000), Address(GATEWAY_ACCESS_6, 30_000), Address(GATEWAY_CORE_6, 30_002), Address(CENTRE_6, 5000)
)
_ALL_FRAMES, _PACKET, _AUXILIARY = 3, 263, 8  # ETH_P_ALL, SOL_PACKET, PACKET_AUXDATA (packet(7))
_AUXILIARY_DATA = struct.Struct("=IIIHHHH")
_HAS_TAG = 0x10


def tagged(link: str, network: int, own: int, service: bool) -> list[str]:
    """Commands that move the addresses of a host to a VLAN on this link. `service`: which is one within another one."""
    outer = f"{link}.9" if service else link
    four, six = f"10.77.{network}.{own}/24", f"fd77:{network}::{own}/64"
    return [
        f"ip addr del {four} dev {link}",
        f"ip addr del {six} dev {link}",
        *([f"ip link add link {link} name {outer} type vlan id 9 proto 802.1ad", f"ip link set {outer} up"] * service),
        f"ip link add link {outer} name {link}.{NUMBER} type vlan id {NUMBER}",
        f"ip addr add {four} dev {link}.{NUMBER}",
        f"ip addr add {six} dev {link}.{NUMBER} nodad",
        f"ip link set {link}.{NUMBER} up",
    ]


def put_into_vlans(lab: Lab, sides: str, service: bool = False) -> None:
    """Have the networks of these sides be VLANs."""
    for link, host, network in (("access", lab.caller, 1), ("core", lab.centre, 2)):
        if link not in sides:
            continue
        try:
            lab.gateway.run(*tagged(link, network, 1, service))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this kernel has no VLANs: {error.stderr.decode().strip()}")
        with host:
            host.run(*tagged("eth0", network, 2, service))
        wait(lambda link=link: b"state UP" in lab.show(f"{link}.{NUMBER}"))  # type: ignore[misc]


def passes(lab: Lab, flow: VoiceFlow, packet: bytes) -> bool:
    """Whether the far end has a packet of the flow, from the port that it should leave by."""
    with (
        lab.caller.socket(flow.source.host, flow.source.port) as caller,
        lab.centre.socket(flow.destination.host, flow.destination.port) as centre,
    ):
        caller.sendto(packet, (flow.local.host, flow.local.port))
        heard, source = centre.recvfrom(2000)
        return (heard, source[:2]) == (packet, (flow.out.host, flow.out.port))


@pytest.fixture
def wire(lab: Lab) -> Iterator[socket.socket]:
    """All frames that come to the centre, as they come."""
    with lab.centre:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_FRAMES))
    made.setsockopt(_PACKET, _AUXILIARY, 1)
    made.bind(("eth0", _ALL_FRAMES))
    made.settimeout(20)
    with closing(made):
        yield made


def seen(wire: socket.socket, payload: bytes) -> tuple[int, int, int]:
    """Priority (PCP) and number of the tag, and the TOS octet, of the frame with this payload."""
    while True:
        frame, auxiliary, _, _ = wire.recvmsg(2000, 100)
        if not frame.endswith(payload):
            continue
        told = next(_AUXILIARY_DATA.unpack_from(data) for _, kind, data in auxiliary if kind == _AUXILIARY)
        at = 14
        tag = told[5]
        if not told[0] & _HAS_TAG:  # it is in the frame still
            tag, at = int.from_bytes(frame[14:16], "big"), 18
        word = int.from_bytes(frame[at : at + 2], "big")
        return tag >> 13, tag & 0xFFF, word & 0xFF if word >> 12 == 4 else word >> 4 & 0xFF


class TestVlans:
    @pytest.mark.parametrize("sides", ["access", "core", "access core"])
    @pytest.mark.parametrize("flow", [FLOW, FLOW_6], ids=["IPv4", "IPv6"])
    def test_on_either_side(self, lab: Lab, offload: KernelOffload, sides: str, flow: VoiceFlow) -> None:
        put_into_vlans(lab, sides)
        ticket = engage(offload, flow)
        assert passes(lab, flow, rtp(1))
        assert ticket.read().packets == 1

    def test_within_vlans(self, lab: Lab, offload: KernelOffload) -> None:
        put_into_vlans(lab, "access core", service=True)
        ticket = engage(offload, FLOW)
        assert passes(lab, FLOW, rtp(1))
        assert ticket.read().packets == 1

    @pytest.mark.parametrize("flow", [FLOW, FLOW_6], ids=["IPv4", "IPv6"])
    def test_carry_the_priority_that_the_interface_gives_to_voice(
        self, lab: Lab, offload: KernelOffload, wire: socket.socket, flow: VoiceFlow
    ) -> None:
        put_into_vlans(lab, "core")
        lab.gateway.run(f"ip link set core.{NUMBER} type vlan egress-qos-map 4:5")
        engage(offload, flow)
        assert passes(lab, flow, rtp(40))
        assert seen(wire, rtp(40)) == (5, NUMBER, TOS)

    def test_whose_frames_are_smaller_leave_large_packets_to_the_worker(self, lab: Lab, offload: KernelOffload) -> None:
        put_into_vlans(lab, "core")
        lab.gateway.run(f"ip link set core.{NUMBER} mtu 600")
        ticket = engage(offload, FLOW)
        largest = rtp(0) + bytes(600 - 28 - 12)
        assert passes(lab, FLOW, largest)
        with lab.gateway.socket(GATEWAY_ACCESS, 30_000) as port, lab.caller.socket(CALLER, 4000) as caller:
            caller.sendto(largest + b"\0", (GATEWAY_ACCESS, 30_000))
            assert port.recv(2000) == largest + b"\0"
        assert ticket.read().packets == 1

    def test_whose_link_goes_down_are_a_loss(self, lab: Lab, offload: KernelOffload) -> None:
        put_into_vlans(lab, "core")
        ticket = engage(offload, FLOW)
        lab.gateway.run("ip link set core down")
        assert CENTRE in soon(ticket)

    @pytest.mark.parametrize("number", [0, NUMBER])
    def test_that_are_not_ours_are_left(self, lab: Lab, offload: KernelOffload, number: int) -> None:
        """A tag with the number 0 says a priority alone (IEEE 802.1Q §9.6): that packet is the worker's."""
        ticket = engage(offload, FLOW)
        own = lab.show("access").split(b"link/ether ")[1].split()[0].decode()
        with lab.caller:
            try:
                lab.caller.run(f"ip link add link eth0 name other type vlan id {number}")
            except subprocess.CalledProcessError as error:
                pytest.skip(f"this kernel has no VLANs: {error.stderr.decode().strip()}")
            lab.caller.run(
                "ip link set other up",
                f"ip route add {GATEWAY_ACCESS}/32 dev other src {CALLER}",
                f"ip neigh add {GATEWAY_ACCESS} lladdr {own} dev other",
            )
        with lab.gateway.socket(GATEWAY_ACCESS, 30_000) as port, lab.caller.socket(CALLER, 4000) as caller:
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            if number == 0:
                assert port.recv(2000) == rtp(1)
            with lab.caller:
                lab.caller.run("ip link del other")
            caller.sendto(rtp(2), (GATEWAY_ACCESS, 30_000))  # behind the first one
            wait(lambda: ticket.read().packets)
            port.settimeout(0)
            with pytest.raises(BlockingIOError):
                port.recv(2000)
        assert offload.engaged == 1
