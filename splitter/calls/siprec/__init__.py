"""Recordings by recorders of others: SIPREC (RFC 7866, metadata RFC 7865), as recording client ([0043]).

Layout
    metadata    who takes part in what, as XML
    people      who takes part in a call, and what each sends
    described   the offer to a recorder, and what its answer means
    content     what a session says: offers, and metadata beside them
    hunt        which recorder is tried next, and when
    note        a session as bytes, for the gateway that comes after this one
    parts       what sessions share
    session     one recording session: a dialog of its own beside the call
    recorders   all of them: what calls say, what the forwarder sees

A session hangs on its call by nothing: whatever becomes of it costs no call a message or a packet.
[0043]: docs/decisions/0043-siprec.md
"""
