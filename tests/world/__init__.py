"""A world in memory: the real SIP core and call logic, neighbours that do what a test says, and virtual time.

Nothing here sleeps or opens a socket. A minute of a call takes milliseconds, and one seed always gives one run.

    with World(seed=1) as world:
        call = world.sbc.invite()                 # the offer of a ViLTE handset to "110"
        inside = world.pbx.take()                 # runs until the INVITE is there
        inside.ring(180)
        call.expect("180")                        # runs until the caller hears something; it must be that
        inside.answer()
        call.expect("200")
        inside.expect("ACK")
        assert world.voice_faults(call) == []     # both sides' SDP and the relay agree
        call.bye()
        inside.expect("BYE")
        world.settle()                            # nothing left: no call, transaction, dialog, port; nothing illegal

What fails prints the call as a ladder, with what the network did to each datagram.

Layout:
    world       World: builds it all; run, run_until, settle, voice_faults, ladder
    peer        Peer (sbc, pbx, pbx2, desk): invite, take, vanish
    peer_call   PeerCall: ring, answer, refuse, cancel, bye, reinvite, update, accept, decline, request, vanish; expect
                (plain tests), next (scripts that run as tasks)
    user_agent  what a peer's call does by itself: ACK, PRACK, 200 to BYE, 487, 491, session refresh
    terminal    the media of a peer's call: first_offer, seat_offer, answer, change
    media       FakeEngine: ports counted, faults injected (fault, stuck, down, kill), remotes known
    wire        the network: Weather (loss, duplication, delay, jitter), cut, drop
    monitor     every offer and answer of the gateway judged on the wire
    voice       whether two peers can hear each other
    loop        the event loop whose clock leaps
"""

from tests.world.peer import Heard, Peer, PeerCall
from tests.world.terminal import Terminal
from tests.world.wire import FAIR, Weather
from tests.world.world import World

__all__ = ["FAIR", "Heard", "Peer", "PeerCall", "Terminal", "Weather", "World"]
