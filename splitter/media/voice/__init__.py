"""Voice that is more than bytes: what a mix does with it. No I/O: packets and times come in, packets go out.

Glossary
    samples     16 bits in value, 8000 a second, held as 32-bit floats
    block       BLOCK of them, 20 ms: what a mix takes from each side at each tick of its clock
    lead        what of a stream has come and is still to be played

Layout
    mode        whether a relay copies or mixes
    g711        A-law and µ-law
    codecs      what can be decoded and encoded
    library     by the codec library: G.722, AMR
    amr         AMR in RTP
    opus        Opus, with what it tells of lost packets
    playout     one incoming stream as an even flow: jitter, loss, clocks that differ
    conceal     what is made up where packets are missing
    incoming    packets of one side: its voice, its digits, its silence
    keys        digits as they are heard (RFC 4733)
    limiter     sums that are too loud, without clicks
    speaker     who speaks
    stream      the numbers of what one side hears
    mixer       the blocks of all sides, and what each is to hear of them
"""

RATE = 8000
"""Samples a second."""

BLOCK = 160
"""Samples of a block."""

BLOCK_S = BLOCK / RATE
