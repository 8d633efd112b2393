"""splitter: gives an existing voice call centre video, without replacing it.

A video call from the operator's SBC is answered as audio + video; its audio goes on as a plain voice call into the
centre, its video goes to the seat of the same agent. See docs/architecture.md for the map of the packages.
"""

__version__ = "0.1.0"
