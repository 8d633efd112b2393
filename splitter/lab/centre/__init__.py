"""A voice call centre on a SIP stack that is not ours: the other side of every test. Does I/O.

It runs as a process of its own (`python -m splitter.lab.centre --listen 127.0.0.1:5070`), because such stacks own their
threads and end their process with themselves. It speaks JSON, one object a line: commands on stdin, events on stdout;
the end of stdin ends it.

    commands  {"do": "plan", ...}            how the next calls are treated: any field of Plan
              {"do": "hangup" | "hold" | "resume", "call": N}
              {"do": "report"}               answered by a "report" event
              {"do": "stop"}
    events    {"event": "ready", "port": N, "stack": "pjsua2" | "sofia"}
              {"event": "planned"}                     the plan holds from the next call on
              {"event": "invite" | "reinvite", "call": N, "video": bool, "media": [...], "raw": "..."}
              {"event": "state", "call": N, "state": "EARLY" | "CONFIRMED" | ..., "status": N}
              {"event": "ended", "call": N, "status": N, "reason": "...", "heard": {"1000": seconds}}
              {"event": "report", "calls": [{"call": N, "state": "...", "heard": {...}}]}
              {"event": "error", "text": "..."}

A caller hears queue music (a tone) before the answer and the agent (another tone) after it; what the caller says is
listened to with a Goertzel filter per expected frequency.

Layout:
    stacks.py      which of the stacks are there
    plan.py        what happens to a call, and when                                                        pure
    front.py       commands, events, the calls; whatever the stack
    pjsua.py       pjsua2: SIP, offers and answers, media; a wheel for Python 3.11 and 3.12, four calls a process
    sofia.py       Sofia-SIP (of FreeSWITCH): SIP, offers and answers; media of the lab's own
    nua.py         the functions of its C library that we use
"""
