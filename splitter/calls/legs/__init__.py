"""One dialog of a call and its rules.

Layout:
    leg         what both sides share: requests inside the dialog, offers and answers, BYE
    incoming    a leg whose INVITE came to us: provisional responses, PRACK, preconditions, the 200
    outgoing    a leg whose INVITE we send: early dialogs, CANCEL and its crossings
    timer       its session timer
    infos       its INFOs that concern the other side too
    challenged  answers 401 and 407 beneath the leg
"""
