"""A recording made one file that browsers play, long after its call: MP4 of H.264 and AAC ([0044]).

Layout
    blocks     the packets of a recording's files, in the order of time
    cells      which picture stands where, and under what name
    voices     voices put into two channels, each frame where it belongs in time
    line       the line below the pictures: the time, and what the recording is of
    film       the pictures side by side, when one is due
    render     all of it: a job becomes a file
    process    the process, which may be killed at any time

It decodes what strangers sent, so it runs in a process of its own, which carries nothing else.
[0044]: docs/decisions/0044-playback.md
"""
