"""The tables of metrics and alerts: of the registry of the gateway, and of the rules in sipconf/prometheus."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from site_commands import plain
from site_words import Words, english

import splitter.app  # noqa: F401 — whatever is in the gateway has put its own into the registry then
from splitter.telemetry.metrics import REGISTRY

RULES = Path(__file__).parents[2] / "sipconf/prometheus/splitter.rules.yml"


def metrics(words: Words = english) -> str:
    """A row for each metric."""
    rows = [_head(("metric", "labels", "kind", "what it says"), words)]
    for collector in sorted(REGISTRY._collector_to_names, key=lambda one: getattr(one, "_name", "")):
        labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
        for family in getattr(collector, "describe", collector.collect)():
            name = family.name + "_total" * (family.type == "counter")
            rows.append(f"| `{name}` | {labels} | {words(family.type)} | {plain(words(family.documentation))} |")
    return "\n".join(rows)


def alerts(words: Words = english) -> str:
    """A row for each alert."""
    rows = [_head(("alert", "urgency", "after", "what it says", "what to do"), words)]
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            said, todo = (rule["annotations"][which] for which in ("summary", "description"))
            cells = [f"`{rule['alert']}`", rule["labels"]["severity"], rule.get("for") or words("at once")]
            rows.append(f"| {' | '.join(cells)} | {plain(words(_in_words(said)))} | {plain(words(todo))} |")
    return "\n".join(rows)


def _head(names: tuple[str, ...], words: Words) -> str:
    return f"| {' | '.join(words(name) for name in names)} |\n{'|---' * len(names)}|"


def _in_words(summary: str) -> str:
    """A summary without its template: "{{ $labels.trunk }}" is "TRUNK", a value is "N"."""
    text = re.sub(r"^\{\{ \$labels\.instance \}\}: ", "", summary).replace("{{ $labels.instance }}", "the gateway")
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: label[1].upper(), text)
    return re.sub(r"\{\{[^}]*\}\}", "N", text)
