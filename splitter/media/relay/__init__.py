"""The userspace datapath of audio relays; runs in a media worker.

Glossary
    relay       one audio stream between two sides: 0 faces the caller, 1 the centre
    lane        one socket of a relay; what it takes in leaves by its peer lane
    latching    learning the port a peer really sends from, within strict rules
    quarantine  the rest of a closed port before it is used again
    stranger    who sends to a port of ours and is not taken

Layout
    relay.py    sockets and packets, the hot path
    latch.py    which source may feed a lane (pure)
    gate.py     the kernel compares sources once they are known
    quality.py  loss and jitter from a sample of packets (pure)
    ports.py    pairs of ports and their quarantine (pure)
"""
