"""Media workers: processes that carry packets, so that the gateway's own process never does.

Glossary
    worker      a process with its own event loop, a slice of the media ports, and any number of relays and rooms
    gateway     the process that has the calls; it starts workers and commands them over a Unix socket
    supervisor  the gateway's keeper of one worker and its successors
    books       what a worker was told and has told, kept by it for the gateway after this one
    unclaimed   what a worker carries from before this gateway, until its call takes it up
    ledger      which ports a worker has open, kept by the gateway for the day the worker dies

Layout
    engine.py      the voice and room engine of the gateway: a method for each request
    pool.py        the workers: begins and ends them, chooses one, asks it
    holdings.py    what they hold for us and whose that is (held.py: each of it), and who is told of events
    verbs/         what is asked of a worker, one verb a file: fields, what it does there, what is answered
    supervisor.py  comes to a worker, watches and replaces it
    arrival.py     finds a worker that is there and what it carries, or begins one
    process.py     a worker's process, be it a child of ours or not
    place.py       sockets of fixed names, and who may use them
    pulse.py       tells a worker that hangs from a machine that is busy
    record.py      which ports were in use, kept over a restart of the gateway
    client.py      the gateway's end of the control connection
    protocol.py    frames and envelopes of what both ends say
    notices.py     events in their envelopes
    main.py        the worker's process and its end of the connection
    dispatch.py    carries out verbs; what a worker carries
    books.py       what was said of that
    loop.py        sockets and timers for relays and rooms; room_ports.py: their ports
"""
