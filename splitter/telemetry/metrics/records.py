"""The counts of records of live calls, and of the nodes that share them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from splitter.telemetry.metrics.registry import REGISTRY

NODE_FRAMES = Counter(
    "splitter_node_frames_total",
    "What other nodes of the cluster have told, by node.",
    ["node"],
    registry=REGISTRY,
)
NODE_FAULTS = Counter(
    "splitter_node_faults_total",
    "Attempts to listen to another node of the cluster that failed, by node. Its calls are not seen here meanwhile.",
    ["node"],
    registry=REGISTRY,
)
NODE_FORWARDED = Counter(
    "splitter_node_forwarded_total",
    "Requests that were passed on to the node that has the call, by node and status; 503 where it is away.",
    ["node", "status"],
    registry=REGISTRY,
)
RECORDS_WRITTEN = Counter(
    "splitter_records_written_total",
    "Records of live calls that were written, or deleted at the end of their call, by where: disk, valkey.",
    ["store"],
    registry=REGISTRY,
)
RECORD_SECONDS = Histogram(
    "splitter_record_seconds",
    "From a change of a live call to its record, by where: disk, valkey.",
    ["store"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30),
    registry=REGISTRY,
)
NODE_STANDING = Gauge(
    "splitter_node_standing",
    "1 for what this process is of its node: standby, active, alone (active, while Valkey is away: nothing is "
    "protected), fenced (another one has taken over), refused (two machines of one name).",
    ["standing"],
    registry=REGISTRY,
)
LEASE_SILENCES = Counter(
    "splitter_lease_silences_total",
    "Times Valkey did not answer for the lease of the node in time.",
    registry=REGISTRY,
)
RECORD_LAG = Gauge(
    "splitter_record_lag_seconds",
    "How long the oldest change of a call has waited to be written everywhere: it would be lost now.",
    registry=REGISTRY,
)
RECORDS_WAITING = Gauge(
    "splitter_records_waiting",
    "Calls whose last change is not written everywhere yet.",
    registry=REGISTRY,
)
NODE_STANDBYS = Gauge(
    "splitter_node_standbys",
    "Other hosts that would go on with the calls of this node; with 0 they would end with this host.",
    registry=REGISTRY,
)
CALLS_UNPROTECTED = Gauge(
    "splitter_calls_unprotected",
    "Calls of this node that would end with its host: all of them while Valkey is away or nobody stands by. 0 "
    "without a cluster, where all would.",
    registry=REGISTRY,
)
RECORD_ALARMS = Counter(
    "splitter_record_alarms_total",
    "Tries to write records of live calls that failed, by where (disk, valkey) and kind: full, unwritable, corrupt; of "
    "Valkey down, password, full, slow, read-only, refused, overtaken. Calls go on meanwhile.",
    ["store", "kind"],
    registry=REGISTRY,
)
RECORD_FAULTS = Counter(
    "splitter_record_faults_total",
    "Times a live call could not be written down by a fault of ours; see the log.",
    registry=REGISTRY,
)
CALLS_RECOVERED = Counter(
    "splitter_calls_recovered_total",
    "Calls of a former process, by what became of them at the start: taken-up, ended (its INVITE was not answered "
    "yet), refused (its record could not be read, or its trunk is not configured any longer).",
    ["outcome"],
    registry=REGISTRY,
)
