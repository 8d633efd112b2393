"""The way between the gateway and a peer's media, for voice and video alike.

Glossary
    wire        one transport to one peer: plain RTP on two ports, or WebRTC on one
    strand      one stream of a bundle
    end         who uses a wire: what it takes in goes there
    latching    learning the address that a peer really sends from, within strict rules (symmetric RTP, RFC 4961)
    stranger    who sends to a port of ours and is not taken
    quarantine  the rest of a closed port before it is used again
    agent       our side of one ICE generation: one port, one pair of credentials (RFC 8445)
    generation  an agent and what it listens on; an ICE restart opens another beside the one that carries media
    path        the pair of addresses that the browser nominated; where our packets go

Layout
    ends          Wire, WireEnd: what a wire and its user know of each other
    host          Host, Pair, Port, Timer: what wires need of the process they live in
    plain         PlainWire: RTP and RTCP on two ports
    secure        SecureWire: a browser's transport, its states and its faults
    key_exchange  KeyExchange: the handshake of a wire with its timers
    times         SecureTimes: how patient it is
    bundle        Bundle: what sits on a wire; several streams on one wire, told apart by MID, SSRC and payload type
    generation    Generation: an agent and its port; STUN, DTLS and SRTP told apart
    generations   Generations: those of a wire, and which of them carries
    ice           Agent: aioice's connection on a port of the worker's own range
    binding       STUN Binding messages of a settled path, as bytes: repeated checks, consent (pure)
    dtls          Handshake: DTLS by OpenSSL without I/O; the worker's certificate; fingerprints
    srtp          Cipher: SRTP and SRTCP of one participant, in place
    latch         which source may send, and where ours go (pure)
    sources       hosts that a peer's media may come from besides the one in SDP (pure)
    strangers     who sends to a port of ours and is not taken, and when it is told (pure)
    pairs         pairs of ports and their quarantine (pure)
    line          a port with a short cut in the kernel to the peer it has settled on
    gate          the kernel compares sources once they are known
    poller        readiness of media sockets

The way of a packet from a browser: Port → SecureWire (known source?) → Cipher → WireEnd; back: Cipher → Port.
"""
