"""RTP, RTCP and H.264 payloads as values and small state machines. Pure: time is an argument, packets are buffers.

Layout:
    packet      one RTP packet: header, header extensions, timestamp arithmetic (RFC 3550, RFC 8285)
    rtcp        reports, SDES, BYE and the compound packet (RFC 3550 §6, RFC 5506)
    transit     how long packets of a stream are under way, by its reports: the skew of voice and picture
    reports     what a peer reports, read as it passes through: round trip, what it missed (RFC 3550 §6.4.1)
    feedback    NACK, PLI, FIR, TMMBR, TMMBN, REMB (RFC 4585, RFC 5104)
    h264        NAL units in RTP payloads: look inside, take apart, put together (RFC 6184)
    sps         what a sequence parameter set says: profile, level, picture size (H.264 §7.3.2.1)
    parameters  the parameter sets of one source: from SDP, then whatever comes in-band
    markers     the end of a picture where the marker bit does not tell it
    switch      many sources, one outgoing SSRC: sequence and timestamp continuity
    broker      when to ask a source for a key frame, and how
    statistics  what a receiver counts: loss, jitter, gaps (RFC 3550 §6.4, A.1, A.3, A.8)
    allowance   bit rates that follow what is lost
    reorder     a short wait for packets that overtook each other
    cache       sent packets, kept about a second for retransmission
    telephone_event  digits in place of voice packets (RFC 4733)

Glossary:
    source       who sends a stream that may be shown; identified by an SSRC that may change
    NAL unit     one unit of H.264: a slice of a picture, or a parameter set
    access unit  the NAL units of one picture: the same RTP timestamp, the last one with the marker
    IDR          a picture that needs no other one: the "key frame"
    STAP-A, FU-A several NAL units in one packet; one NAL unit over several packets (packetization-mode 1 only)
    CVO          coordination of video orientation: the header extension that says how the picture is turned (TS 26.114)
"""
