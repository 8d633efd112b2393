"""Asterisk hands a call on by REFER: the gateway calls the colleague, and caller and colleague hear each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.interop.addresses import Desk
from tests.interop.asterisk import Asterisk
from tests.interop.events import EventLog
from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLER_TONE, CENTRE_PORT, CENTRE_TONE, Scene, hang_up, until
from tests.interop.sipp import TOLD
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
        caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD)
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        theirs.talk_to(until(colleague, "INVITE").sdp.address_of(0))
        until(colleague, "ACK")
        events.until(bound_to("8002"), "the call is bound to 8002", 5)
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the colleague", 8, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE), "the colleague hears the caller", 8, theirs.in_words)
        assert [one["text"] for one in events.notices("transfer-failed")] == ["8009 was not reached: 486 Busy Here"]
        hang_up(caller)
        colleague.finish()
    said = asterisk.log()
    # That the second one went well Asterisk's menu tells only if it wakes before our BYE comes.
    assert "TRANSFER TO 8009: FAILURE" in said and "TRANSFER TO 8002: FAILURE" not in said, said
    assert gateway.metric("splitter_transfers_total") == 2


def test_a_phone_transfers_a_call_to_whom_it_has_asked(make_gateway: Callable[..., Gateway], scene: Scene) -> None:
    """Attended: the dialog of its consultation is named to the other phone (RFC 3891), and it is told how far it is."""
    gateway = make_gateway(pbx_login='transfers = "refer"', accounts=ROUTE.replace('"pbx"', '"pbx2"'))
    ours = scene.voices()[0]
    host = scene.desk.second_centre
    theirs = scene.voice(host, CENTRE_PORT, 770.0)
    consultation = "Replaces=consult%40phones%3Bto-tag%3Da%3Bfrom-tag%3Db"
    agent = scene.centre("centre-transfers", held_ms=500, refer_to=f"sip:8002@{host}?{consultation}")
    colleague = scene.centre("centre-answers", name="colleague", host=host, ring_ms=300)
    caller = scene.caller("caller-hangs-up", "transcoded", held_ms=TOLD)
    ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
    invite = until(colleague, "INVITE")
    assert (invite.get("replaces"), invite.get("require")) == ("consult@phones;to-tag=a;from-tag=b", "replaces")
    assert invite.get("referred-by") == f"<sip:8001@{scene.desk.centre}>"
    theirs.talk_to(invite.sdp.address_of(0))
    eventually(lambda: ours.hears(770.0), "the caller hears the colleague", 8, ours.in_words)
    eventually(lambda: theirs.hears(CALLER_TONE), "the colleague hears the caller", 8, theirs.in_words)
    eventually(lambda: gateway.calls()[0]["extension"] == "8002", "8002 has the call")
    agent.finish()
    told = [message.body.split()[1] for message in agent.all_received("NOTIFY")]
    assert told == ["100", "180", "200"]
    hang_up(caller)
    colleague.finish()
