"""The counts of media workers: relays, rooms, mosaics, ports."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

WORKERS = Gauge("splitter_media_workers", "Media worker processes that are up now.", registry=REGISTRY)
WORKER_RESTARTS = Counter(
    "splitter_media_worker_restarts_total", "Media workers that died and were started again.", registry=REGISTRY
)
MOSAICS = Gauge("splitter_mosaics", "Mosaics that are made now.", registry=REGISTRY)
MOSAIC_LIMIT = Gauge("splitter_mosaic_limit", "Mosaics that may be made at a time.", registry=REGISTRY)
MOSAICS_ENDED = Counter(
    "splitter_mosaics_ended_total",
    "Mosaics that were refused or ended for a reason of the machine: limit, late (it is too busy), died, failed (a "
    "process could not be begun).",
    ["reason"],
    registry=REGISTRY,
)
RELAYS = Gauge("splitter_media_relays", "Audio relays open now.", registry=REGISTRY)
IN_KERNEL = Gauge(
    "splitter_media_in_kernel", "Directions of voices that the kernel forwards now; two per relay.", registry=REGISTRY
)
OFFLOAD_LOST = Counter(
    "splitter_media_offload_lost_total",
    "Voices that came back from the kernel to their worker for a fault: a route, link or program that is gone.",
    registry=REGISTRY,
)
ROOMS = Gauge("splitter_media_rooms", "Video rooms open now.", registry=REGISTRY)
LOST = Counter(
    "splitter_media_lost_total",
    "Relays, rooms and adapters that died with their worker or rtpengine, by kind (relay, room, adapter).",
    ["kind"],
    registry=REGISTRY,
)
ADOPTED = Counter(
    "splitter_media_adopted",
    "Relays, rooms and adapters that calls took up again after a restart of the gateway.",
    ["kind"],
    registry=REGISTRY,
)
RESTORED = Counter(
    "splitter_media_restored",
    "Relays and rooms whose worker was gone, and that were opened again at the same ports.",
    ["kind"],
    registry=REGISTRY,
)
UNCLAIMED = Counter(
    "splitter_media_unclaimed",
    "Relays, rooms and adapters that outlived a gateway and were closed, for no call knew them.",
    ["kind"],
    registry=REGISTRY,
)
PORTS_FREE = Gauge(
    "splitter_media_ports_free",
    "Pairs of UDP ports that calls could have now; those that rest after a call are not among them.",
    registry=REGISTRY,
)
PORTS_RESTING = Gauge(
    "splitter_media_ports_resting",
    "Pairs of UDP ports that rest after a call; they are taken only where no other is free.",
    registry=REGISTRY,
)
PORTS_HURRIED = Counter(
    "splitter_media_ports_hurried_total",
    "Pairs of UDP ports that were taken before they had rested, for want of others.",
    registry=REGISTRY,
)
PORTS_REFUSED = Counter(
    "splitter_media_ports_refused_total",
    "Voices and pictures that found no media ports, by what they were for (voice, picture).",
    ["what"],
    registry=REGISTRY,
)
TCP_CONNECTIONS = Gauge(
    "splitter_media_tcp_connections", "TCP connections that carry browsers' media now.", registry=REGISTRY
)
TCP_REFUSED = Counter(
    "splitter_media_tcp_refused_total",
    "TCP connections to media.tcp_port that were closed, by reason: silent, oversize, no-request, unknown, unproved, "
    "crowded, busy, gone, ended.",
    ["reason"],
    registry=REGISTRY,
)
TCP_UNSENT = Counter(
    "splitter_media_tcp_unsent_total",
    "Packets to browsers that were dropped because their TCP connection was full.",
    registry=REGISTRY,
)
REQUEST_FAILURES = Counter(
    "splitter_media_request_failures_total",
    "Requests to a media worker that failed, by reason (unavailable, timeout).",
    ["reason"],
    registry=REGISTRY,
)
RTP_REJECTED = Counter(
    "splitter_rtp_rejected_total",
    "RTP and RTCP packets from a source that the signalling did not name, or (WebRTC) that ICE and SRTP did not "
    "believe; counted when a stream ends.",
    registry=REGISTRY,
)
