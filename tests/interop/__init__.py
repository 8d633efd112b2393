"""The gateway between real peers: SIPp, baresip, Asterisk, Kamailio, pjsua2. `make peers` installs them.

addresses   a desk: loopback addresses of a test's own
process     a peer's process, surely ended
gateway     `splitter run` with a configuration, and what must be left when a test is over: nothing
sipp        SIPp as the SBC and as a centre; scenarios in sipp/, descriptions in sdp/
voice       a phone's voice: RTP with a tone, and what is heard
asterisk    Asterisk 16 with sipconf/asterisk
kamailio    Kamailio as the SBC in front of two gateways, with sipconf/kamailio
baresip     a handset with a real H.264 encoder
"""
