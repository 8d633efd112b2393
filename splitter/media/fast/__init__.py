"""The short way: what the expected packet of a settled stream takes, from its arrival to its departure.

Most packets of a picture are alike: the next number of the stream that is shown, a piece of an ordinary slice. Nothing
has to be decided for them, and so nothing but numbers is needed. These numbers lie in two flat records per participant:

    Coming   what comes from it: the number that is expected, counters, jitter
    Going    what goes to it: our numbers, counters, how large a packet may be

Streams, views and switches keep these numbers nowhere else: they read and write them in place, for all other packets
(the long way: room/stream.py, view.py, passage.py, outgoing.py). Each record has a *generation*, which moves when
anything has changed that is no number: who is shown what, an address, a form. A packet takes the short way only as long
as the generations are those in which somebody last looked.

A still that a viewer is shown takes it as well: its numbers (`Playing`) lie in `Going`.

There are two forms of the same: `plain` in Python, and `native`, a small C library (native/*.c) in whose memory the
records lie then. A test plays the same packets through both.
"""
