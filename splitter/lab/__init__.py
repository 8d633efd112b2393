"""Simulated neighbours: a handset behind an SBC, a voice centre, agents' seats; for demo, tests and bench.

Glossary:
    party       who has media: a handset (tone and picture) or a seat (picture alone)
    picture     a test picture: sender, frame counter and clock in large blocks that survive coding and scaling
    sight       what a receiver saw, as scenes: still (the slate), sender N, black
    hearing     which tones a listener heard, and for how long
    stage       the gateway and its neighbours, started and ended together

Layout, from the bottom up:
    picture.py  sight.py      draw, read and judge test pictures                                       pure
    tone.py                   tones, G.711, Goertzel                                                   pure
    wire.py  payload.py       RTP, RTCP and H.264 payloads, of the lab's own: see there why            pure
    codec.py                  H.264 with PyAV                                                          pure
    ports.py  audio.py  video.py       streams over UDP                                                I/O
    offers.py                 session descriptions as an SBC and a SIP video client write them         pure
    counters.py               what its transport counts                                                pure
    agent.py  agent_call.py   a SIP user agent on splitter.sip and splitter.transport                  I/O
    party.py                  offers and answers of a party, and the streams that follow them          I/O
    handset.py  seat.py       the parties                                                              I/O
    whip.py                   an agent's desk: API, events, and video by WHIP with aiortc, a stranger  I/O
    centre/                   the voice centre: a process of its own, on an independent SIP stack      I/O
    process.py  gateway.py    the centre and the gateway as child processes                            I/O
    stage.py                  all of them, started and ended together                                  I/O
    rows.py  play.py  play_desk.py         `splitter demo --once`                                      I/O
    probe.py                               `splitter probe`: a call through a gateway that runs         I/O
    show.py  desk.py  demo.py              `splitter demo`, `splitter demo --desk`                     I/O
"""
