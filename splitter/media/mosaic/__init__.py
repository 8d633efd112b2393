"""Mosaics: two to four pictures of a call in one stream, with names in them, made by a process of their own.

Layout:
    protocol  what the gateway and the process say to each other
    grid      where each picture stands
    names     names, drawn
    canvas    the picture that is made of all of them
    incoming  RTP of one source → pictures
    encoder   pictures → NAL units (libx264)
    outgoing  NAL units → RTP; key frames and bit rates as the room asks by RTCP
    pace      says when all that is later than real time
    process   the process: its sockets and its clock
    studio    the gateway's side: begins processes, bounds and counts them
"""
