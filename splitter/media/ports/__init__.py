"""The port to media: what calls may ask of engines, and what these tell them. Pure.

    ends      our end and the peer's end of a stream, and what was counted there
    voice     VoiceEngine: the voice of a call, between its sides
    rooms     RoomEngine: the video of a call, and who is in it
    events    what both tell
    survivors what engines carry from before a restart of the gateway
    health    what an operator wants to know of them

A *relay* carries one audio stream between its *sides*, which are numbered in the order in which they were named: 0
faces the caller, 1 the centre; a third and further ones may be added, then it is a *mix* (`voice`). A *room* carries
one call's video: the caller and the seats are its *participants*; what each of them is shown (its *source*) is chosen
in the room: the caller sees the slate until a seat sends a picture, a seat sees the caller. No packet passes through
this process: ends are named by port here and live in a media worker (or the kernel).

Handles are plain values that can be written down; what lies behind them is the engine's business. Every request is
bounded in time and raises MediaUnavailable or MediaTimeout. Closing what is gone is no error: it returns None, takes
effect at once for whatever is asked after it, and ends the events. tests/media/contract holds engines to all of this.
"""
