"""Where the recorder is found: two sockets of fixed names in the folder of the media workers. Pure."""

from __future__ import annotations

CONTROL = "recorder.sock"
"""The socket by which the gateway asks."""

TAPS = "recorder-taps.sock"
"""The socket that taps send to."""
