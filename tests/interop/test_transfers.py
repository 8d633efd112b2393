"""Asterisk hands a call on by REFER: the gateway calls the colleague, and caller and colleague hear each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.events import EventLog
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_PORT, CENTRE_TONE, Scene, until
from tests.interop.test_asterisk_agents import bound_to, phone

pytestmark = pytest.mark.interop

ROUTE = """
[[route]]
from = "seat"
called = '8[0-9]{3}'
to = ["pbx"]
"""

# A menu that answers and hands the caller to an extension, and goes on where that fails.
DIALPLAN = """
[from-splitter]
exten => 12345,1,Answer()
 same => n,Wait(1)
 same => n,Transfer(PJSIP/sip:8009@{core})
 same => n,Verbose(2,TRANSFER TO 8009: ${{TRANSFERSTATUS}})
 same => n,Transfer(PJSIP/sip:8002@{core})
 same => n,Verbose(2,TRANSFER TO 8002: ${{TRANSFERSTATUS}})
 same => n,Hangup()
exten => 8002,1,Dial(PJSIP/8002,30)
exten => 8009,1,Hangup(17)
"""


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway whose centre may transfer by REFER, to extensions."""
    return make_gateway(pbx_login='transfers = "refer"', accounts=ROUTE)


@pytest.fixture
def asterisk(gateway: Gateway, desk: Desk) -> Iterator[Asterisk]:
    """Asterisk beside a gateway; when the test is over it holds no channel."""
    files = {"extensions.conf": DIALPLAN.format(core=desk.core)}
    with Asterisk(gateway.desk, modules="app_transfer", files=files) as asterisk:
        yield asterisk
        eventually(lambda: asterisk.channels() == 0, "Asterisk holds no channel", 5, asterisk.log)


def test_asterisk_transfers_a_call_blindly(gateway: Gateway, asterisk: Asterisk, scene: Scene) -> None:
    """The first number is busy, so that the caller comes back to the menu; the second one answers."""
    ours = scene.voices()[0]
    theirs = scene.voice(scene.desk.colleague, CENTRE_PORT, CENTRE_TONE)
    with EventLog(gateway.folder) as events:
        colleague = phone(scene, "8002", "centre-answers", ring_ms=300)
        caller = scene.caller("caller-hangs-up", "transcoded", held_ms=9000)
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        theirs.talk_to(until(colleague, "INVITE").sdp.address_of(0))
        until(colleague, "ACK")
        events.until(bound_to("8002"), "the call is bound to 8002", 5)
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the colleague", 8, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE), "the colleague hears the caller", 8, theirs.in_words)
        assert [one["text"] for one in events.notices("transfer-failed")] == ["8009 was not reached: 486 Busy Here"]
        caller.finish()
        colleague.finish()
    said = asterisk.log()
    assert "TRANSFER TO 8009: FAILURE" in said and "TRANSFER TO 8002: SUCCESS" in said, said
    assert gateway.metric("splitter_transfers_total") == 2
