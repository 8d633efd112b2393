"""Media: the port that calls use, and the engines behind it.

Layout
    engine.py    the port: what calls ask of an engine and what it tells them (pure)
    settings.py  what the operator sets (pure)
    sources.py   hosts that a peer's media may come from besides the one in SDP (pure)
    strangers.py who sends to a port of ours and is not taken, and when it is told (pure)
    worker/      the engine "relay": supervised worker processes
    relay/       the datapath of audio relays, in a worker
    room/        the datapath of video rooms, in a worker
    slate/       the still picture that is shown while there is no other
"""
