"""The video of one call: who is shown what, without a black picture and without transcoding.

Layout:
    room         Room: participants come and go, sources are chosen; one timer for all that is due
    layout       who is shown what (pure)
    participant  Participant: one member, what it sends and what it is shown
    feedback     Feedback: reports and requests of one leg
    plain        PlainWire under its name of old
    stream       Stream: what a participant sends, checked, counted and looked into
    lens         Lens: what a room asks of a codec; H264Lens
    view         View: what a participant is shown; changes source at key frames
    passage      Passage: the stream that is shown, in what the viewer can take
    fit          whether a viewer can take the pictures of a stream (pure)
    keyframe     LatestKeyFrame: where the latest key frame of a stream begins, and whether it can be shown
    kept         Kept: a packet of a stream, put aside
    awaited      AwaitedKeyFrame: what is kept of the source that a view waits for
    player       StillPlayer: the slate, or a picture, as a source
    pictures     Pictures: what was uploaded to be shown, in the forms that viewers need
    snapshot     Snapshots: stills of what participants send
    decode       a key frame to an upright PNG
    outgoing     Outgoing: one SSRC out, with copies for retransmission
    times        RoomTimes
    surroundings what a participant needs of its room

The way of a packet: Pair → PlainWire (latch) → Participant → Stream → each View → Outgoing → wire of the viewer.
A stream knows its watchers; a view knows the stream it shows (live) and the one whose key frame it waits for (awaited).
"""
