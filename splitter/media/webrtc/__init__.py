"""WebRTC participants of a room: ICE and DTLS by aioice and aiortc, SRTP without an object per packet.

Glossary
    agent       our side of one ICE generation: one port, one pair of credentials (RFC 8445)
    generation  an agent and what it listens on; an ICE restart opens another beside the one that carries media
    path        the pair of addresses that the browser nominated; where our packets go

Layout
    ice      Agent: aioice's connection on a port of the worker's own range
    dtls     Handshake: aiortc's DTLS; the worker's certificate; fingerprints
    secure   Cipher: SRTP and SRTCP of one participant, in place
    wire     SecureWire: a participant's way to its browser, its states and its faults

The way of a packet: Port → SecureWire (known source?) → Cipher → Participant; back: Outgoing → Cipher → Port.
"""
