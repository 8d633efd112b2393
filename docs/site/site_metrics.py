"""The tables of metrics and alerts: of the registry of the gateway, and of the rules in sipconf/prometheus."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from site_commands import plain

import splitter.app  # noqa: F401 — whatever is in the gateway has put its own into the registry then
from splitter.telemetry.metrics import REGISTRY

RULES = Path(__file__).parents[2] / "sipconf/prometheus/splitter.rules.yml"


def metrics() -> str:
    """A row for each metric."""
    rows = ["| metric | labels | kind | what it says |\n|---|---|---|---|"]
    for collector in sorted(REGISTRY._collector_to_names, key=lambda one: getattr(one, "_name", "")):
        labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
        for family in getattr(collector, "describe", collector.collect)():
            name = family.name + "_total" * (family.type == "counter")
            rows.append(f"| `{name}` | {labels} | {family.type} | {plain(family.documentation)} |")
    return "\n".join(rows)


def alerts() -> str:
    """A row for each alert."""
    rows = ["| alert | urgency | after | what it says |\n|---|---|---|---|"]
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            said = plain(_in_words(rule["annotations"]["summary"]))
            rows.append(f"| `{rule['alert']}` | {rule['labels']['severity']} | {rule.get('for', 'at once')} | {said} |")
    return "\n".join(rows)


def _in_words(summary: str) -> str:
    """A summary without its template: "{{ $labels.trunk }}" is "TRUNK", a value is "N"."""
    text = re.sub(r"^\{\{ \$labels\.instance \}\}: ", "", summary).replace("{{ $labels.instance }}", "the gateway")
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: label[1].upper(), text)
    return re.sub(r"\{\{[^}]*\}\}", "N", text)
