"""The registry of all that is counted, and its text for Prometheus; `splitter.web` serves it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import disable_created_metrics as without_created
from prometheus_client.process_collector import ProcessCollector

without_created()  # type: ignore[no-untyped-call]  # a series beside each, which nobody asks for
REGISTRY = CollectorRegistry()
ProcessCollector(namespace="splitter", registry=REGISTRY)  # CPU seconds, memory, open files


def render() -> bytes:
    """All metrics in the text format of Prometheus."""
    return generate_latest(REGISTRY)
