"""What the operator sets about media. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Workers, ports and the slate.

    Attributes:
        workers: media worker processes; 0 means one per core.
        first_port, last_port: the UDP range of RTP and RTCP; RTP takes the even port, RTCP the odd one above it.
        quarantine_s: a closed port rests this long before it is used again (no stray packet may reach the next call).
        slate_text: the line of text on the slate.
        slate_picture: path of a picture to show instead; empty for the built-in slate.
        request_limit_s: the bound on one request to a worker.
        socket_dir: where the workers' control sockets live.
    """

    workers: int = 0
    first_port: int = 30_000
    last_port: int = 39_999
    quarantine_s: float = 30.0
    slate_text: str = "Please hold: your agent's picture will appear here"
    slate_picture: str = ""
    request_limit_s: float = 2.0
    socket_dir: str = "/run/splitter"
