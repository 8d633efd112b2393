"""Copies of live media for others: a process of its own sends them on as RTP ([0043]).

Layout
    protocol   what the gateway and the forwarder say to each other
    payloads   payload types of our own for what a line carries
    line       packets of one stream, renumbered; its reports
    lines      the lines of one recording, and their sockets
    forwarder  all of them: what taps send, and what the gateway asks
    process    the forwarder's process
    client     the gateway's end

It takes the same datagrams of taps as the recorder (`media/record/batch.py`), and may die, be slow or have nobody to
send to: no packet of a call waits for it.
[0043]: docs/decisions/0043-siprec.md
"""
