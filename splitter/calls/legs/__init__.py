"""The legs of a call: what flows see of a peer, and the SIP dialog that carries it.

    port        a leg as flows use it
    leg         one that speaks SIP: hands on what flows ask
    dialog      its dialog: who hears what the transaction layer says, and how it ends
      invite    the two INVITE machines: states, steps, tables
      server    the INVITE of a peer: provisional responses, PRACK, preconditions, the 200
      client    an INVITE of ours: early dialogs, CANCEL and its crossings
      offers    offers of both sides that are open, in re-INVITE, UPDATE, PRACK and 2xx
      refresh   session refreshes without an offer
    context     what every message in the dialog needs: where it goes, what it says of us, what the peer can
      timer     the session timer
      security  keys in descriptions (SDES)    versions  their o= line
      webrtc    descriptions of a browser      presence  whether it is still there
      infos     INFOs that concern the other side too
    challenged  answers 401 and 407 beneath all that

A leg is composed, and nothing of it is inherited: to follow `bye()` on a caller, read `dialog`. What it knows and must
not lose is its record (`talk/leg.py: LegRecord`); what is under way stands in these objects and passes.
"""
