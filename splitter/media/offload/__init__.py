"""The kernel beneath a settled relay: packets are sent on where they arrive, and never come to the worker.

A relay learns its peers in the worker, as ever. Once both are known, the kernel is asked to take a *flow*: the RTP that
one peer sends to one port. Nothing changes in the worker meanwhile: whatever the kernel does not take, for whatever
reason, comes to the socket and is relayed there. So a program that is gone loses no packet.

Glossary
    flow        one direction of a voice: from the learned source to one port of ours, out of its peer port
    ticket      the kernel has a flow, until the ticket is given back
    path        how packets leave for a peer: interface and next hop
    attachment  the program at the entrance of one interface

Layout
    ports.py      what a relay asks for, and is answered
    assembler.py  eBPF instructions from readable text (pure)
    program.py    the program (pure)
    layout.py     its key and value in bytes (pure)
    bpf.py        bpf(2): maps, programs, links
    rtnetlink.py  rtnetlink(7): routes, filters, what has changed
    paths.py      the way to a peer, and whether it can be used
    attach.py     the program's place at an interface
    kernel.py     all of it: the offload of a worker
"""
