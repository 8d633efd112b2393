"""Every Prometheus metric of the signalling process, in one registry. Served by `splitter.web`.

Each metric's help text is its documentation; `docs` and alert rules refer to the names, so a name never changes its
meaning. Labels take values from small closed sets only: nothing that a peer can choose becomes a label.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import disable_created_metrics as without_created
from prometheus_client.process_collector import ProcessCollector

from splitter.telemetry.tally import Tallies

without_created()  # type: ignore[no-untyped-call]  # a series beside each, which nobody asks for
REGISTRY = CollectorRegistry()
ProcessCollector(namespace="splitter", registry=REGISTRY)  # CPU seconds, memory, open files

# ---- calls -------------------------------------------------------------------------------------------------------

CALLS_ACTIVE = Gauge(
    "splitter_calls_active", "Calls alive now, from INVITE to the end of both legs.", registry=REGISTRY
)
CALLS = Counter(
    "splitter_calls_total",
    "Calls that ended, by outcome: answered (ended normally), cancelled (caller gave up), busy, no-answer, "
    "refused (by us or by the centre), failed (no route, no media, a fault).",
    ["outcome"],
    registry=REGISTRY,
)
CALLS_REJECTED = Counter(
    "splitter_calls_rejected_total",
    "INVITEs turned away before a call was made, by reason: limit (gateway.max_calls), trunk-calls and trunk-rate (the "
    "trunk's own limits), overload, draining, loop, bad-request.",
    ["reason"],
    registry=REGISTRY,
)
CALL_SETUP_SECONDS = Histogram(
    "splitter_call_setup_seconds",
    "From the caller's INVITE to our 200 to the caller; ringing at the centre included.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 180),
    registry=REGISTRY,
)
CALL_SECONDS = Histogram(
    "splitter_call_seconds",
    "From answer to end of answered calls.",
    buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200),
    registry=REGISTRY,
)
SEATS_JOINED = Gauge("splitter_seats_joined", "Seats and guests that are in a call now.", registry=REGISTRY)
RECORDINGS_STOPPED = Counter(
    "splitter_recordings_stopped_total",
    "Recordings that had to stop by a fault: no room on the disk, no recorder.",
    registry=REGISTRY,
)
RECORDINGS_KEPT_BYTES = Gauge(
    "splitter_recordings_kept_bytes",
    "What recordings take on this machine, films and screenshots included; not what was moved to a store.",
    registry=REGISTRY,
)
RECORDINGS_QUOTA_BYTES = Gauge(
    "splitter_recordings_quota_bytes", "What they may take: [recording] quota_gb; 0 for no limit.", registry=REGISTRY
)
FORK_FRAMES = Counter(
    "splitter_fork_frames_total",
    "Frames of forked calls, by what became of them: sent, or dropped since the receiver was slow or down.",
    ["outcome"],
    registry=REGISTRY,
)
FORK_STREAMS_LEFT_OUT = Counter(
    "splitter_fork_streams_left_out_total",
    "Voices, pictures and stills that a fork does not send, since its call has more than 32.",
    registry=REGISTRY,
)
FORKS_FAILED = Counter(
    "splitter_forks_failed_total",
    "Forks whose connection could not be made, or broke; tries that fail for the same reason count once.",
    registry=REGISTRY,
)
WEBRTC_JOINS = Counter(
    "splitter_webrtc_joins_total",
    "Browsers that wanted to join a call over HTTP, by outcome: joined; no-h264, bad-offer (of what they offered); "
    "overload, full, no-media, replaced, timeout (of ours).",
    ["outcome"],
    registry=REGISTRY,
)
ROUTE_FAILOVERS = Counter(
    "splitter_route_failovers_total",
    "Attempts at a centre trunk that failed and made the call take its next route.",
    ["trunk"],
    registry=REGISTRY,
)

# ---- SIP ---------------------------------------------------------------------------------------------------------

SIP_MESSAGES = Tallies(
    "splitter_sip_messages_total",
    "SIP messages, by network, direction (in, out) and kind: a request's method, a response's class such as 2xx.",
    ["network", "direction", "kind"],
    registry=REGISTRY,
)
SIP_MALFORMED = Counter(
    "splitter_sip_malformed_total",
    "SIP messages that could not be parsed; answered with 400 where that was possible.",
    ["network", "transport"],
    registry=REGISTRY,
)
SIP_UNKNOWN_SOURCE = Counter(
    "splitter_sip_unknown_source_total",
    "Datagrams that were dropped unanswered and connections that were closed, from a source that no trunk names.",
    ["network", "transport"],
    registry=REGISTRY,
)
SIP_TRANSACTIONS = Gauge("splitter_sip_transactions", "SIP transactions alive now.", registry=REGISTRY)
SIP_TIMEOUTS = Counter(
    "splitter_sip_timeouts_total", "Requests of ours that nobody answered, by network.", ["network"], registry=REGISTRY
)
SIP_ABUSE = Counter(
    "splitter_sip_abuse_total",
    "What costs a source points towards a ban, by reason: malformed, oversize, unknown-source, not-sip (a connection "
    "that ended without a message), slow (bytes that trickle, a peer that does not read), handshake (no TLS), flood, "
    "authentication, foreign-dialog (a request in a dialog of another peer), guess (calls that are not there), "
    "other. Neighbours that are never banned are counted too.",
    ["network", "transport", "reason"],
    registry=REGISTRY,
)
SIP_BANNED = Gauge("splitter_sip_banned", "Sources that are banned now; see `splitter bans`.", registry=REGISTRY)
SIP_BANNED_DROPS = Counter(
    "splitter_sip_banned_drops_total",
    "Datagrams and connections of banned sources that were dropped unread.",
    ["network", "transport"],
    registry=REGISTRY,
)
AUTHENTICATIONS = Counter(
    "splitter_authentications_total",
    "Requests of seats on trunks that ask for authentication, by outcome: granted; missing, stale (they are challenged "
    "and come again); wrong-password, unknown-user, replayed, other-name, malformed (failed logins); limited (one of "
    "too many).",
    ["outcome"],
    registry=REGISTRY,
)
SEATS_REGISTERED = Gauge("splitter_seats_registered", "SIP seats that are registered now.", registry=REGISTRY)
REGISTERED = Gauge("splitter_registered", "1 while we are registered at this trunk.", ["trunk"], registry=REGISTRY)
REGISTRATION_FAILURES = Counter(
    "splitter_registration_failures_total",
    "Attempts to register at this trunk that failed.",
    ["trunk"],
    registry=REGISTRY,
)
TCP_CONNECTIONS = Gauge(
    "splitter_tcp_connections", "SIP connections over TCP, TLS and WebSocket open now.", ["network"], registry=REGISTRY
)
TCP_REFUSED = Counter(
    "splitter_tcp_refused_total",
    "Connections cut off, by reason: limit, source-limit (too many of one source), handshakes (too many in "
    "progress; the oldest gives way), "
    "gave-way (it had carried no message when another needed its place).",
    ["network", "reason"],
    registry=REGISTRY,
)
TLS_CERTIFICATE_ENDS = Gauge(
    "splitter_tls_certificate_not_after_seconds",
    "When the certificate of a network ends, in seconds since the Unix epoch. Renew it, then `splitter reload`.",
    ["network"],
    registry=REGISTRY,
)

# ---- configuration -----------------------------------------------------------------------------------------------

CONFIG_RELOADS = Counter(
    "splitter_config_reloads_total",
    "Reloads of the configuration, certificates included, by result: done; failed (it has a fault); refused (it takes "
    "a restart). Nothing has changed after the last two.",
    ["result"],
    registry=REGISTRY,
)
CONFIG_RELOADED_AT = Gauge(
    "splitter_config_reload_seconds",
    "When the configuration was last to be reloaded, in seconds since the Unix epoch.",
    registry=REGISTRY,
)
CONFIG_RELOAD_OK = Gauge(
    "splitter_config_reload_ok",
    "0 after a reload that changed nothing: the configuration on disk is not what runs; see the log.",
    registry=REGISTRY,
)
CONFIG_RELOAD_OK.set(1)
CONFIG_PENDING = Gauge(
    "splitter_config_pending_keys",
    "Keys of the configuration on disk that the last reload has seen changed, and that wait for `splitter restart`.",
    registry=REGISTRY,
)

# ---- trunks and load ---------------------------------------------------------------------------------------------

TRUNK_UP = Gauge(
    "splitter_trunk_up",
    "1 while calls may go to the trunk, 0 while it is down or draining.",
    ["trunk"],
    registry=REGISTRY,
)
TRUNK_CHANGES = Counter(
    "splitter_trunk_changes_total",
    "Changes of a trunk's state, by the new one: up, down, draining.",
    ["trunk", "state"],
    registry=REGISTRY,
)
TRUNK_PROBES = Counter(
    "splitter_trunk_probes_total",
    "OPTIONS sent to watch a trunk, by outcome: alive, failed, held (it asked to be left alone).",
    ["trunk", "outcome"],
    registry=REGISTRY,
)
TRUNK_LATENCY_SECONDS = Gauge(
    "splitter_trunk_latency_seconds",
    "How long the trunk's nearest server takes to answer OPTIONS, smoothed.",
    ["trunk"],
    registry=REGISTRY,
)
TRUNK_JITTER_SECONDS = Gauge(
    "splitter_trunk_jitter_seconds",
    "How much that time varies, smoothed.",
    ["trunk"],
    registry=REGISTRY,
)
TRUNK_CALLS = Gauge(
    "splitter_trunk_calls", "Calls from and to the trunk, those being set up included.", ["trunk"], registry=REGISTRY
)
TRUNK_LIMITED = Counter(
    "splitter_trunk_limited_total",
    "Calls that a limit of the trunk kept from it or refused from it, by limit: calls, rate.",
    ["trunk", "limit"],
    registry=REGISTRY,
)
DNS_LOOKUPS = Counter(
    "splitter_dns_lookups_total",
    "Look-ups of the trunks' names, by outcome: found, nothing (it leads nowhere), failed (the last answer is kept).",
    ["outcome"],
    registry=REGISTRY,
)
LOOP_LAG_SECONDS = Gauge(
    "splitter_loop_lag_seconds", "How late the event loop is with its work; the median of a second.", registry=REGISTRY
)
LOOP_CPU_RATIO = Gauge(
    "splitter_loop_cpu_ratio", "Share of one core that the event loop's thread uses; over a second.", registry=REGISTRY
)
OVERLOAD_LEVEL = Gauge(
    "splitter_overload_level", "0 none, 1 new calls get no video, 2 new calls are refused.", registry=REGISTRY
)
VIDEO_REFUSED = Counter(
    "splitter_video_refused_total", "Calls answered without the video that they asked for, for load.", registry=REGISTRY
)
VIDEO_QUESTIONS = Counter(
    "splitter_video_questions_total",
    "Callers who were asked for video, by outcome: accepted, refused, no-answer, unsupported, failed, withdrawn.",
    ["outcome"],
    registry=REGISTRY,
)

# ---- media -------------------------------------------------------------------------------------------------------

MEDIA_WORKERS = Gauge("splitter_media_workers", "Media worker processes that are up now.", registry=REGISTRY)
MEDIA_WORKER_RESTARTS = Counter(
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
MEDIA_RELAYS = Gauge("splitter_media_relays", "Audio relays open now.", registry=REGISTRY)
MEDIA_IN_KERNEL = Gauge(
    "splitter_media_in_kernel", "Directions of voices that the kernel forwards now; two per relay.", registry=REGISTRY
)
OFFLOAD_LOST = Counter(
    "splitter_media_offload_lost_total",
    "Voices that came back from the kernel to their worker for a fault: a route, link or program that is gone.",
    registry=REGISTRY,
)
MEDIA_ROOMS = Gauge("splitter_media_rooms", "Video rooms open now.", registry=REGISTRY)
MEDIA_LOST = Counter(
    "splitter_media_lost_total",
    "Relays, rooms and adapters that died with their worker or rtpengine, by kind (relay, room, adapter).",
    ["kind"],
    registry=REGISTRY,
)
MEDIA_ADOPTED = Counter(
    "splitter_media_adopted",
    "Relays, rooms and adapters that calls took up again after a restart of the gateway.",
    ["kind"],
    registry=REGISTRY,
)
MEDIA_RESTORED = Counter(
    "splitter_media_restored",
    "Relays and rooms whose worker was gone, and that were opened again at the same ports.",
    ["kind"],
    registry=REGISTRY,
)
MEDIA_UNCLAIMED = Counter(
    "splitter_media_unclaimed",
    "Relays, rooms and adapters that outlived a gateway and were closed, for no call knew them.",
    ["kind"],
    registry=REGISTRY,
)
MEDIA_PORTS_FREE = Gauge(
    "splitter_media_ports_free",
    "Pairs of UDP ports that calls could have now; those that rest after a call are not among them.",
    registry=REGISTRY,
)
MEDIA_PORTS_RESTING = Gauge(
    "splitter_media_ports_resting",
    "Pairs of UDP ports that rest after a call; they are taken only where no other is free.",
    registry=REGISTRY,
)
MEDIA_PORTS_HURRIED = Counter(
    "splitter_media_ports_hurried_total",
    "Pairs of UDP ports that were taken before they had rested, for want of others.",
    registry=REGISTRY,
)
MEDIA_PORTS_REFUSED = Counter(
    "splitter_media_ports_refused_total",
    "Voices and pictures that found no media ports, by what they were for (voice, picture).",
    ["what"],
    registry=REGISTRY,
)
MEDIA_TCP = Gauge(
    "splitter_media_tcp_connections", "TCP connections that carry browsers' media now.", registry=REGISTRY
)
MEDIA_TCP_REFUSED = Counter(
    "splitter_media_tcp_refused_total",
    "TCP connections to media.tcp_port that were closed, by reason: silent, oversize, no-request, unknown, unproved, "
    "crowded, busy, gone, ended.",
    ["reason"],
    registry=REGISTRY,
)
MEDIA_TCP_UNSENT = Counter(
    "splitter_media_tcp_unsent_total",
    "Packets to browsers that were dropped because their TCP connection was full.",
    registry=REGISTRY,
)
MEDIA_REQUEST_FAILURES = Counter(
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

# ---- store and trace ---------------------------------------------------------------------------------------------

STORE_UP = Gauge(
    "splitter_store_up", "1 while the store takes writes, 0 while it cannot (full, unwritable).", registry=REGISTRY
)
STORE_ALARMS = Counter(
    "splitter_store_alarms_total",
    "Failures of the store, by kind: full, unwritable, corrupt, other. Calls go on meanwhile.",
    ["kind"],
    registry=REGISTRY,
)
STORE_QUEUE = Gauge("splitter_store_queue", "Rows that wait to be written.", registry=REGISTRY)
STORE_BYTES = Gauge("splitter_store_bytes", "Size of the data in the store.", registry=REGISTRY)
STORE_PRUNED = Counter(
    "splitter_store_pruned_total", "Calls deleted from the store for age or size.", ["reason"], registry=REGISTRY
)
TRACE_DROPPED = Counter(
    "splitter_trace_dropped_total",
    "Trace events and call rows that were not kept because the store's queue was full.",
    registry=REGISTRY,
)

# ---- the rest ----------------------------------------------------------------------------------------------------

PICTURES_REFUSED = Counter(
    "splitter_pictures_refused_total",
    "Uploaded pictures that were refused, by reason (picture, pdf: too large or none; full: no room in the library).",
    ["reason"],
    registry=REGISTRY,
)
API_REQUESTS = Counter(
    "splitter_api_requests_total", "Requests to the API, by route and status.", ["route", "status"], registry=REGISTRY
)
API_REFUSED = Counter(
    "splitter_api_refused_total",
    "Requests to the API turned away, by reason: no-token, wrong-token (malformed, forged or unknown), expired, scope "
    "(the token may not do that), not-yours (a call of another desk), origin (a page of another site), body (too "
    "large, of another kind or not to be read), slow (it did not arrive in time), rate (too often), connections (too "
    "many), busy (its turn did not come in time, because calls go first), no-http (not to be read as HTTP).",
    ["reason"],
    registry=REGISTRY,
)
API_WAITING = Gauge(
    "splitter_api_waiting",
    "Requests and connections to the API and to /metrics that wait for their turn, because calls go first.",
    registry=REGISTRY,
)
API_LOGINS = Counter(
    "splitter_api_logins_total",
    "Logins at the API, by outcome: granted, wrong (user or password), limited (too many failures before).",
    ["outcome"],
    registry=REGISTRY,
)
TRANSFERS = Counter(
    "splitter_transfers_total",
    "Transfers that a centre has asked for by REFER, by outcome: done, failed (whom it named did not come), refused.",
    ["outcome"],
    registry=REGISTRY,
)
BINDINGS = Counter(
    "splitter_bindings_total",
    "Calls given to an agent by the centre, CTI or a client, by outcome: bound, no-client (the agent has no video "
    "client online), nobody (taken back), unclear (the centre named several).",
    ["outcome"],
    registry=REGISTRY,
)
EVENT_LISTENERS = Gauge("splitter_event_listeners", "Event sockets that are open now.", registry=REGISTRY)
EVENT_LISTENERS_CLOSED = Counter(
    "splitter_event_listeners_closed_total",
    "Event sockets that we closed, by reason: ending, expired (its token), slow, replaced (by the same client).",
    ["reason"],
    registry=REGISTRY,
)
WEBHOOK_DELIVERIES = Counter(
    "splitter_webhook_deliveries_total",
    "Events of webhooks, by outcome: delivered, refused (an answer that makes no second attempt sensible), given-up "
    "(tried often enough), dropped (too many waited).",
    ["hook", "outcome"],
    registry=REGISTRY,
)
WEBHOOK_RETRIES = Counter(
    "splitter_webhook_retries_total", "Attempts at a webhook that have to be repeated.", ["hook"], registry=REGISTRY
)
WEBHOOK_WAITING = Gauge(
    "splitter_webhook_waiting", "Events that a webhook has not got yet.", ["hook"], registry=REGISTRY
)
SUBSCRIBER_FAILURES = Counter(
    "splitter_subscriber_failures_total",
    "Faults of those who are told what happens (store, hub, desks, webhooks, album, pictures), each of which cost that "
    "one alone; health: a part that could not say what is wrong with it. The log says what it was.",
    ["subscriber"],
    registry=REGISTRY,
)
SUBSCRIBER_SECONDS = Tallies(
    "splitter_subscriber_seconds_total",
    "Time of the event loop that those who are told what happens have taken from the calls.",
    ["subscriber"],
    registry=REGISTRY,
)
LOG_DROPPED = Gauge(
    "splitter_log_dropped_lines",
    "Lines of the log that were lost since the start, because standard error was closed, full or not read.",
    registry=REGISTRY,
)
BUILD = Gauge("splitter_build_info", "Always 1; the version is a label.", ["version"], registry=REGISTRY)
READY = Gauge("splitter_ready", "1 while new calls are taken: from readiness on, but for a drain.", registry=REGISTRY)


def render() -> bytes:
    """All metrics in the text format of Prometheus."""
    return generate_latest(REGISTRY)
