"""One dialog of a call and its rules.

Layout:
    usage       what every message in the dialog needs: where it goes, what it says of us, what the peer can
    leg         what both sides share: offers and answers, session refreshes, BYE
    incoming    a leg whose INVITE came to us: provisional responses, PRACK, preconditions, the 200
    outgoing    a leg whose INVITE we send: early dialogs, CANCEL and its crossings
    timer       its session timer
    infos       its INFOs that concern the other side too
    challenged  answers 401 and 407 beneath the leg
"""
