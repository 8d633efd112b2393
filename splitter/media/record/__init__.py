"""Recording of calls: taps in the media workers, and a process of its own that writes files ([0037]).

Layout
    batch      the packets of many taps in one datagram: how they are written and read
    tap        the worker's end: one line to the recorder, and the taps that write into it
    clock      RTP time stamps, sender reports and arrival made one clock
    formats    what of a voice packet goes into the file, by its codec
    pictures   packets of H.264 made whole pictures
    ebml       elements of EBML, and Matroska's
    matroska   a file of a recording: its head, and what follows as it comes
    file       the file on the disk, hashed as it is written
    source     a file as something to read from, wherever it lies
    seal       sealed files: encrypted in chunks, and read in any range
    seal_keys  the keys that seal them
    events     the file of events beside it
    unsealing  a sealed file written out plain
    shelf      where files are read, wherever they lie
    keys       the key that signs them
    take       one recording that is being made
    studio     all of them, and what the gateway asks
    rules      calls by trunk, number or desk
    about      what a recording is of
    keeper     how long they are kept: held, deleted
    store      a store of the kind of S3
    stored     what of them lies there
    mover      moves them there when they have ended
    writing    the thread that writes
    turns      work for the thread that writes, waited for
    space      the room they have: the disk's, and their quota
    stamps     time stamps by an authority (RFC 3161)
    stamper    asks for those of the ledger while it grows
    index      what was recorded, to be searched
    ledger     what was recorded, opened and deleted, as evidence
    ledger_reading  the ledger read and checked, also while it grows
    remains    what a recorder that was killed has left
    beside     pictures that are kept beside a recording
    happenings     what happened while one was made
    films      films of recordings: which is to be made, and what became of it
    render_job     what the recorder says to the process that makes one, and back (`media/playback`)
    render_queue   those processes
    verify     what has become of the files and the ledger, in words
    stamps_check  the time stamps held against the ledger
    protocol   what the gateway and the recorder say to each other
    arguments  what its process is begun with
    sockets    the sockets of its process, and of the forwarder's
    process    the recorder's process
    client     the gateway's end: finds or starts the recorder, and hears how it is

Nothing here may hold up a packet: what the recorder does not take at once is dropped and counted.
[0037]: docs/decisions/0037-recording.md
"""
