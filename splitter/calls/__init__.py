"""Calls: one actor per call, one file per call flow.

Words used here:
    call        everything that belongs to one person's call: its legs, its audio relay, its video room
    leg         one SIP dialog of a call: "caller" (towards the SBC), "centre" (towards the voice platform), "seat-1" …
    inbox       the queue of a call; SIP, media, timers and operators only ever put events there
    flow        linear code that owns a call from its first event to its last (flows/)
    consult     passing one side's re-offer to the other side and waiting for its answer
    absorb      answering a re-offer ourselves, because the other side need not know

Layout:
    settings, view          what the operator sets; what the operator sees
    events, messages        what can happen; what is read from SIP messages and put into them
    leg, incoming, outgoing, leg_timer   one dialog and its rules: both sides, the server's, the client's, its timer
    audio, video            the call's relay and its room, as the flow sees them
    routing, identity, causes   pure: where to, as whom, and what a refusal means
    link, trunks, hunt      pure: a server's health, the choice among trunks, one call's way through them
    admission               pure: limits of trunks, what load costs
    monitor, meter, watch   OPTIONS and names; the event loop's load; both as one part
    accounts, reception, registrar   who may log in, who did, and where seats are registered
    registration            our own registration at a centre
    call, registry          the actor; all calls, admission, and the way in for out-of-dialog requests
    flows/                  what a call does, from its INVITE to its end
"""
