"""What the operator sets about media. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from splitter.core.keys import Key, Uptake

VOICE_PORTS, VIDEO_PORTS, WEB_PORTS = 4, 10, 14
"""What calls take: of voice, of video, of a web caller; see docs/sizing.md."""


class KernelUse(StrEnum):
    """What the kernel is to carry of the voice."""

    OFF = "off"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Workers, ports and the slate."""

    workers: Annotated[int, Key(0, 256, taken=Uptake.RESTART)] = 0
    """Worker processes that carry RTP; 0 means one per core."""
    first_port: Annotated[int, Key(1024, 65_534, taken=Uptake.RESTART)] = 30_000
    """UDP ports of RTP (even) and RTCP (the odd one above). A voice call takes four, a video call ten, one of a web
    caller fourteen. Of all of them, pictures leave four for each of gateway.max_calls to voice, but not more than half.
    Open them in the firewall, and keep them outside net.ipv4.ip_local_port_range or add them to
    net.ipv4.ip_local_reserved_ports."""
    last_port: Annotated[int, Key(1025, 65_535, taken=Uptake.RESTART)] = 39_999
    tcp_port: Annotated[int, Key(0, 65_535, taken=Uptake.RESTART)] = 0
    """One TCP port by which browsers' video, and web callers' voice, come in where their network lets no UDP through
    (RFC 6544), such as 8444; 0: none. It is open at the media_address of each network that browsers use. Ports below
    1024 need a capability or, better, a router that passes another port on: see docs/firewalls.md."""
    tcp_advertised_port: Annotated[int, Key(0, 65_535, taken=Uptake.RESTART)] = 0
    """The TCP port that browsers are told, such as 443, where a router passes it on to tcp_port; 0: tcp_port itself."""
    quarantine_s: Annotated[float, Key(0, 3600, taken=Uptake.RESTART)] = 30.0
    """A closed port rests this long before its next use, so that no late packet reaches another call. This holds over a
    restart as well: a file in socket_dir keeps which ports were in use. Where no other port is left, the one that has
    rested longest is used all the same, and who sent to it before is not believed there until it would have rested."""
    slate_text: Annotated[str, Key(taken=Uptake.LIVE)] = "Please hold: your agent's picture will appear here"
    """What the caller sees until an agent's picture is there: a line of text, or a picture (PNG or JPEG) instead."""
    slate_picture: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    spawn: Annotated[bool, Key(taken=Uptake.RESTART)] = True
    """Whether the gateway starts its workers itself; false where they are units of their own, as calls need that are
    to outlive the gateway's unit: systemd/splitter-media@.service, one instance for each of 0 to workers - 1."""
    native: Annotated[bool, Key(taken=Uptake.RESTART)] = True
    """Whether packets of pictures that need no thought are dealt with in C, where that was built, at a part of the CPU
    time. false is for finding faults; `splitter status` says what the workers have."""
    request_limit_s: Annotated[float, Key(0.1, 30, taken=Uptake.RESTART)] = 2.0
    """The bound on one request to a worker."""
    mosaic_limit: Annotated[int, Key(-1, 256, taken=Uptake.LIVE)] = -1
    """How many calls may have a mosaic at a time: several parties in one picture, for phones, which have one stream. It
    is the only live video that is decoded and encoded here: by a process for each, at a lower priority than all else,
    which takes about a tenth of a core. -1 means one for every two cores, but at least one; 0 is none. A call that
    finds no place shows the speaker until there is one."""
    offload: Annotated[KernelUse, Key(taken=Uptake.RESTART)] = KernelUse.OFF
    """With "auto" the kernel forwards the voice of calls whose two sides are known, at a fraction of the cost; "off"
    leaves every packet to the workers. It needs the capabilities CAP_BPF and CAP_NET_ADMIN, and Linux 5.10: see
    docs/offload.md. Where the kernel cannot, a call's trace says why, and a worker carries its voice as ever."""
    rtpengine_for: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.RESTART)] = ()
    """Networks whose callers' voice is carried by the rtpengines below, as long as one of them can. The workers carry
    all other voice, and all video. Each rtpengine needs an interface for every network of such a call, named like the
    network: see sipconf/rtpengine. The ports above are the workers'; an rtpengine has its own."""
    socket_dir: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = "/run/splitter"
    """Where the control sockets of the workers live, and the record of ports: a folder that outlives a restart."""
    freebind: bool = False
    """Sockets may be bound to addresses that this machine is still to get: a cluster needs that."""
    tcp_hosts: tuple[str, ...] = ()
    """Our addresses towards browsers, which the configuration finds out."""
    voice_pairs: int = 0
    """Pairs of ports that pictures leave to voice, as far as that is not more than half; likewise."""

    @property
    def ports(self) -> int:
        """The number of ports in the range."""
        return self.last_port - self.first_port + 1
