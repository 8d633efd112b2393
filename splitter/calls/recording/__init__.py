"""Recording of calls: when it runs, what stands beside it, and who else gets a copy.

    recordings   which calls are recorded, and how that goes
    jobs         what of that the inbox of a call does not wait for
    changes      what stands beside a recording: its subject, what happened, how it ended
    troubles     the way from the recorder to the calls that live
    forks        who listens, and may have what (media forks)
    fork_wiring  their parts put together

Files and processes are in `media/record/` and `media/forward/`; recorders of others in `calls/siprec/`.
"""
