"""Beside firewalls and programs of others, and with as few rights as a unit gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from splitter.media.offload.kernel import KernelOffload
from tests.media.offload.lab import CALLER, CENTRE, GATEWAY_ACCESS, GATEWAY_CORE, Lab, engage
from tests.media.offload.others import links_at
from tests.media.offload.test_contract import FLOW, rtp

CLOSED = "\n".join(
    f"add chain inet ours {hook} {{ type filter hook {hook} priority 0; policy drop; }}"
    for hook in ("input", "forward", "output")
)
_TRY = """
import json
from splitter.media.offload.kernel import open_offload
from tests.media.offload.lab import engage
from tests.media.offload.test_contract import FLOW
made = open_offload(10)
if not made.broken:
    engage(made, FLOW).give_back()
print(json.dumps(made.broken))
made.close()
"""


class TestFirewall:
    @pytest.fixture(autouse=True)
    def closed(self, lab: Lab) -> None:
        """The machine lets nothing in, through or out."""
        if shutil.which("nft") is None:
            pytest.skip("nft is missing")
        lab.gateway.run("nft add table inet ours", f"nft {CLOSED}")

    def test_is_passed_by_as_long_as_the_kernel_has_the_voice(self, lab: Lab, offload: KernelOffload) -> None:
        with lab.caller.socket(CALLER, 4000) as caller, lab.centre.socket(CENTRE, 5000) as centre:
            engage(offload, FLOW)
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            assert centre.recvfrom(2000) == (rtp(1), (GATEWAY_CORE, 30_002))

    def test_decides_on_rtcp_and_on_the_voice_of_the_worker(self, lab: Lab, offload: KernelOffload) -> None:
        ticket = engage(offload, FLOW)
        rtcp = b"\x80\xc9\0\1" + bytes(4)
        with lab.caller.socket(CALLER, 4000) as caller, lab.gateway.socket(GATEWAY_ACCESS, 30_000) as port:
            caller.sendto(rtcp, (GATEWAY_ACCESS, 30_000))
            ticket.give_back()
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            lab.gateway.run("nft flush ruleset")
            caller.sendto(rtp(2), (GATEWAY_ACCESS, 30_000))
            assert port.recv(2000) == rtp(2), "those before it were dropped"


class TestPrograms:
    def test_of_tc_come_before_a_filter_of_ours_and_behind_a_link(self, lab: Lab, offload: KernelOffload) -> None:
        try:
            lab.gateway.run(
                "tc qdisc add dev access clsact",
                "tc filter add dev access ingress protocol ip pref 10 matchall action drop",
            )
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this kernel has no such filter: {error.stderr.decode().strip()}")
        ticket = engage(offload, FLOW)
        linked = links_at("access") is not None
        with lab.caller.socket(CALLER, 4000) as caller, lab.centre.socket(CENTRE, 5000) as centre:
            caller.sendto(rtp(1), (GATEWAY_ACCESS, 30_000))
            if linked:
                assert centre.recv(2000) == rtp(1)
            else:
                lab.gateway.run("tc filter del dev access ingress protocol ip pref 10")
                caller.sendto(rtp(2), (GATEWAY_ACCESS, 30_000))
                assert centre.recv(2000) == rtp(2), "the one before it was dropped"
        assert ticket.read().packets == 1


class TestRights:
    @pytest.mark.parametrize(
        ("rights", "enough"), [("+bpf,+net_admin", True), ("+bpf", False), ("+net_admin", False), ("", False)]
    )
    def test_are_the_two_that_are_documented(self, lab: Lab, rights: str, enough: bool) -> None:
        """The whole of the program's use, by a process that has these and no others."""
        held = ",".join(filter(None, ("-all", rights)))
        command = ["setpriv", "--bounding-set", held, "--inh-caps", held, sys.executable, "-c", _TRY]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        reason = json.loads(said)
        assert (reason == "", "CAP_BPF and CAP_NET_ADMIN are needed" in reason) == (enough, not enough), reason
