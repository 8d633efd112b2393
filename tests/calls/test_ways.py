"""Where requests of ours go to a peer that speaks over connections, some of which it has opened itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splitter.calls.legs.context import DialogContext, LegContext
from splitter.calls.settings import Role, Srtp, Trunk
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.core.net import Address, Flow
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog
from splitter.sip.session_timer import TimerSettings
from splitter.transport.addressing import Addressing
from splitter.transport.settings import ListenPoint, Network
from tests.calls.kit import connected, hung_up
from tests.world import PeerCall, World


@pytest.fixture
def world() -> Iterator[World]:
    with World(transport="tcp") as world:
        yield world


@pytest.fixture
def caller(world: World) -> PeerCall:
    return connected(world)[0]


@pytest.fixture
def centre(world: World, caller: PeerCall) -> PeerCall:
    return next(iter(world.pbx.calls.values()))


OTHER_PORT = 46257


def connects_itself(world: World, call: PeerCall) -> Address:
    """The peer says something in the call over a connection of its own, as Asterisk does; where that comes from."""
    peer, heard = call.peer, list[sip.SipEvent]()
    own = Address(peer.address.host, OTHER_PORT)
    world.wire.attach_too(own, peer.address)
    assert call.dialog is not None
    peer.driver.request(call.dialog.request("UPDATE"), peer.gateway._replace(local=own), heard.append)
    world.run(0.1)
    assert isinstance(heard[-1], sip.ResponseArrived) and heard[-1].response.status == 200
    return own


def targets(world: World, call: PeerCall) -> list[Address]:
    """Where the gateway has sent its BYE in this call."""
    return [sent.target for sent in world.wire.sent[call.sip_call_id] if sent.data.startswith(b"BYE")]


class TestAPeerThatHasConnectedItself:
    def test_is_told_over_its_connection(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        own = connects_itself(world, centre)
        hung_up(world, caller, centre)
        assert targets(world, centre) == [own]

    def test_is_told_where_it_listens_once_that_is_closed(
        self, world: World, caller: PeerCall, centre: PeerCall
    ) -> None:
        world.wire.detach(connects_itself(world, centre))
        hung_up(world, caller, centre)
        assert targets(world, centre) == [world.pbx.address]

    def test_is_told_so_after_a_restart(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        own = connects_itself(world, centre)
        world.restart()
        world.wire.detach(own)  # its connections have ended with the process
        hung_up(world, caller, centre)
        assert targets(world, centre) == [world.pbx.address]


class TestALegWithKeys:
    """SRTP keys in SDP are told over TLS alone (RFC 4568 §7): a Contact that names UDP changes nothing of that."""

    @pytest.mark.parametrize(
        ("srtp", "in_clear", "transport"),
        [(Srtp.REQUIRED, False, "tls"), (Srtp.REQUIRED, True, "udp"), (Srtp.NONE, False, "udp")],
    )
    def test_stays_on_its_confidential_way(self, srtp: Srtp, in_clear: bool, transport: str) -> None:
        ours, theirs = Address("10.0.0.1", 5061), Address("192.0.2.1", 5061)
        listeners = ListenPoint("tls", ours), ListenPoint("udp", Address("10.0.0.1", 5060))
        driver = Addressing({"core": Network("core", listeners, "10.0.0.1")}, 1.0)
        trunk = Trunk("pbx", Role.CENTRE, "core", (), srtp=srtp, srtp_in_clear=in_clear)
        flow = Flow("core", "tls", ours, theirs)
        record = LegRecord.of("centre", Opener.US, "pbx", flow, "id", TimerSettings(1800, 90))
        shared = LegContext(driver, *[None] * 9)  # type: ignore[arg-type]
        context = DialogContext(shared, trunk, record, None)  # type: ignore[arg-type]
        dialog = Dialog("id", "a", "b", "<sip:a@x>", "<sip:b@y>", 1, None, (), "sip:b@192.0.2.1:5060;transport=udp")
        assert context.way(dialog).transport == "udp"
        assert context.offering_way(dialog).transport == transport
