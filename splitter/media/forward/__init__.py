"""Copies of live media for others: a process of its own sends them on as RTP ([0043]).

Layout
    protocol   what the gateway and the forwarder say to each other
    payloads   payload types of our own for what a line carries
    line       packets of one stream, renumbered; its reports
    lines      the lines of one recording, and their sockets
    forks      recordings that others listen to, by WebSocket ([0049])
    fork       one of them; fork_queue, fork_streams, fork_sender: what waits, its streams, its connection
    still_maker  stills for forks, by a process of their own (`media/stills`)
    settings   where forks go
    forwarder  all of them: what taps send, and what the gateway asks
    process    the forwarder's process
    client     the gateway's end

It takes the same datagrams of taps as the recorder (`media/record/batch.py`), and may die, be slow or have nobody to
send to: no packet of a call waits for it.
[0043]: docs/decisions/0043-siprec.md
[0049]: docs/decisions/0049-media-fork.md
"""
