"""Media: the ports that calls use, and the engines behind them.

Layout
    ports/       what calls ask of engines, voice and rooms apart, and what these tell them (pure)
    settings.py  what the operator sets (pure)
    standing.py  what is told of a relay or room, summed up for who comes later (pure)
    worker/      the engine of today: supervised worker processes
    wire/        the way to a peer: ports, latching, ICE, DTLS and SRTP; for relays and rooms
    relay/       the datapath of audio relays, in a worker
    room/        the datapath of video rooms, in a worker
    slate/       the still picture that is shown while there is no other
"""
