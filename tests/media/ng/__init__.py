"""rtpengine over NG: in virtual time with one that is played (`daemon`), and with Debian's own (`rtpengine`)."""
