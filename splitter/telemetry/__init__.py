"""What the gateway tells about itself: trace, metrics, log, and readiness to systemd.

Layout:
    trace.py     TraceEvent, TraceSink, Recorder: everything that happens to a call, over all its legs
    masking.py   digits that people press are left out of it (pure)
    ladder.py    a trace as a ladder of text, one line per event (pure)
    golden.py    a trace as a file that people read and tests replay (pure)
    summary.py   a SIP message and its SDP in plain words, for the ladder (pure)
    metrics/     every Prometheus metric, in one registry
    log.py       structlog, set up once
    notify.py    sd_notify: ready, stopping, watchdog

Glossary:
    leg   one side of a call in the trace: "caller", "centre", "seat-1" …
    sink  what takes trace events and never blocks: the store
    tap   the driver's hook that shows the recorder each SIP message in and out
"""
