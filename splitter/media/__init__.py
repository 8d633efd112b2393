"""Media: the ports that calls use, and the engines behind them.

Layout
    ports/       what calls ask of engines, voice and rooms apart, and what these tell them (pure)
    settings.py  what the operator sets (pure)
    sources.py   hosts that a peer's media may come from besides the one in SDP (pure)
    strangers.py who sends to a port of ours and is not taken, and when it is told (pure)
    worker/      the engine of today: supervised worker processes
    relay/       the datapath of audio relays, in a worker
    room/        the datapath of video rooms, in a worker
    slate/       the still picture that is shown while there is no other
"""
