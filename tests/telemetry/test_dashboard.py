"""The dashboard for Grafana: it asks for metrics that exist."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import splitter.telemetry
from splitter.telemetry.metrics import REGISTRY

BOARD = json.loads((Path(__file__).parents[2] / "sipconf/grafana/splitter.json").read_text(encoding="utf-8"))
PANELS = {panel["title"]: panel for panel in BOARD["panels"] if panel["type"] != "row"}


_PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def known() -> set[str]:
    """The names of all series."""
    for module in pkgutil.iter_modules(splitter.telemetry.__path__):
        importlib.import_module(f"splitter.telemetry.{module.name}")
    return {family.name + part for family in REGISTRY.collect() for part in _PARTS.get(family.type, ("",))}


@pytest.mark.parametrize("title", PANELS)
def test_asks_for_what_there_is(title: str) -> None:
    series = known()
    for target in PANELS[title]["targets"]:
        names = re.findall(r"splitter_\w+", target["expr"])
        assert names and not set(names) - series


def test_panels_do_not_lie_on_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
