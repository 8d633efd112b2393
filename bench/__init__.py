"""Measurements, side by side with a peer in one run. `make bench` runs them all; results go to bench/results/.

split     CPU per split call (set up, held 1 s, torn down) under SIPp, against sippy's b2bua_simple
memory    memory of the signalling process per live call, at 1,000 calls
relay     CPU per relayed RTP packet, against rtpengine in userspace
secure    CPU per packet between RTP and SRTP, against rtpengine in userspace
rooms     A/V calls per core: a room with a phone and a browser, and the relay of the voice; the added delay
joins     from an agent's click to the first pictures, in Chromium
parser    microseconds per SIP message

Each is a module of its own: `python -m bench.split` runs one. report.py says what a result is.
"""
