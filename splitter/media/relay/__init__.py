"""The userspace datapath of audio relays; runs in a media worker.

Glossary
    relay       one audio stream between two sides: 0 faces the caller, 1 the centre
    lane        one port of a relay; what it takes in leaves by its peer lane

Layout
    relay.py    two sides and what calls ask of them
    lane.py     packets, the hot path
    watch.py    sides from which nothing comes
    tap.py      RTCP, forwarded and read on the way
    quality.py  loss and jitter from a sample of packets (pure)
    ports.py    PortPairs under its name of old
"""
