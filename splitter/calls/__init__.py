"""Calls: one actor per call, one file per call flow.

Words used here:
    call        everything that belongs to one person's call: its legs, its audio relay, its video room
    leg         one SIP dialog of a call: "caller" (towards the SBC), "centre" (towards the voice platform), "seat-1" …
    party       somebody in the call's room besides the caller: a seat or a guest, by SIP or WebRTC
    inbox       the queue of a call; SIP, media, timers and operators only ever put events there
    talk        the value of a call: all that is needed to carry it on, as plain data (talk/)
    step        what a call does when something happens to it: reads the value, yields commands; pure (flows/)
    command     what a step wants done outside the value (talk/commands); the actor does it
    consult     passing one side's re-offer to the other side and waiting for its answer
    absorb      answering a re-offer ourselves, because the other side need not know

Layout:
    settings, view          what the operator sets; what the operator sees
    events                  what can happen
    routing                 pure: where to
    signalling              the port to SIP
    desks                   pure: which desks are online
    bus                     who is told what happened, each guarded alone
    webhook                 which other programs are told what happens
    asks, parties           pure: what desks may ask of a call; who is in its room besides the caller
    alarms, inbox           what a call waits for by the clock, and where everything that happens to it comes in
    jobs                    what the inbox does not wait for: requests to the media engine
    consent, entrance       who may enter another desk's call, and how often a call may be guessed
    pictures                the port to uploaded pictures
    audio, video            what is asked of the media engine for the call's relay and its room
    video_lines             pure: our m=video lines for who is in the room
    services                what calls need of the rest of the program
    call, registry          one call; all calls
    requests                the way in for requests outside dialogs, which begin calls or enter them
    actor, media_jobs       carries out the commands of steps; what of that the media engine has to do
    peers/                  pure: what SIP peers say of a call, and are told
    talk/                   a live call as a value, what is under way in it, and the commands of its steps
    setup/                  a call until it is answered
    flows/                  what a live call does: steps
    legs/                   one dialog and its rules
    browsers/               callers in a browser, by HTTP or by SIP
    recording/, siprec/     when a call is recorded, and who else gets a copy; recorders of others
    persistence/            what is written down of a call, and how the next process goes on with it
    after/                  what is left of a call when it is over
    trunks/                 the neighbours: their health, the choice among them, limits and load
    logins/                 accounts, the registrar, our own registrations
"""
