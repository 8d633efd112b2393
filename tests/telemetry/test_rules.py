"""The alert rules of sipconf/prometheus: what they name exists, and they ring when they should."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "sipconf" / "prometheus" / "splitter.rules.yml"
_OF_THE_TARGET = {"instance", "job", "gateway", "host"}

# Series of two hosts, one value every 5 s; what must ring after a minute, and what must not.
_SCENES = {
    "all is well": (("active 1 A", "active 0 B", "standbys 1 A", "unprotected 0 A"), ()),
    "a host alone": (
        ("active 0 A", "alone 1 A", "standbys 0 A", "unprotected 7 A"),
        ("SplitterAlone", "SplitterUnprotected"),
    ),
    "nobody stands by": (
        ("active 1 A", "alone 0 A", "standbys 0 A", "unprotected 3 A"),
        ("SplitterNobodyStandsBy", "SplitterUnprotected"),
    ),
    "both": (("active 1 A", "alone 1 B", "standbys 1 A", "unprotected 0 A"), ("SplitterAlone", "SplitterNodeTwice")),
    "neither": (("active 0 A", "active 0 B", "standbys 0 A", "unprotected 0 A"), ("SplitterNodeWithoutHost",)),
}
_NAMES = {"standbys": "splitter_node_standbys", "unprotected": "splitter_calls_unprotected"}
_WATCHED = (
    "SplitterAlone",
    "SplitterNobodyStandsBy",
    "SplitterNodeTwice",
    "SplitterNodeWithoutHost",
    "SplitterUnprotected",
)


def expressions() -> list[str]:
    return re.findall(r"(?m)^ +expr: (.+)$", RULES.read_text(encoding="utf-8"))


@cache
def metrics() -> dict[str, set[str]]:
    """Every metric that the program declares, with its labels."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "splitter" / "telemetry").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(name := node.args[0], ast.Constant):
                labels = [ast.literal_eval(one) for one in node.args[2:] if isinstance(one, ast.List)]
                metric = str(name.value)
                found[metric] = set(labels[0]) if labels else set()
                if isinstance(node.func, ast.Name) and node.func.id == "Histogram":
                    found |= {f"{metric}_{part}": found[metric] | {"le"} for part in ("bucket", "count", "sum")}
    return found


class TestWhatTheyName:
    def test_exists(self) -> None:
        labels = metrics()
        found = [use for text in expressions() for use in re.findall(r"(splitter_\w+)(?:\{(\w+)=)?", text)]
        assert len(found) > 20
        for name, label in found:
            assert name in labels, f"there is no metric {name}"
            assert not label or label in labels[name], f"{name} has no label {label}"

    def test_is_what_the_series_have(self) -> None:
        """A label that a summary speaks of, and that an aggregation has taken away, would be empty."""
        text = RULES.read_text(encoding="utf-8")
        for part in text.split("- alert: ")[1:]:
            said = set(re.findall(r"\$labels\.(\w+)", part))
            if by := re.search(r"by \((\w+)\)", part):
                assert said <= {by[1]}, part
                continue
            known = set(_OF_THE_TARGET)
            for name in re.findall(r"splitter_\w+", part.split("annotations")[0]):
                known |= metrics()[name]
            assert said <= known, part


@pytest.mark.interop
class TestPromtool:
    def test_accepts_them(self) -> None:
        assert shutil.which("promtool"), "promtool is not installed; run `make peers`"
        done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
        assert done.returncode == 0 and "rules found" in done.stdout, done.stdout + done.stderr

    @pytest.mark.parametrize("scene", _SCENES)
    def test_rings_when_it_should(self, tmp_path: Path, scene: str) -> None:
        series, rings = _SCENES[scene]
        lines = [f"rule_files: [{RULES}]", "evaluation_interval: 5s", "tests:", "  - interval: 5s", "    input_series:"]
        for one in series:
            what, value, host = one.split()
            name = _NAMES.get(what, "splitter_node_standing")
            standing = "" if what in _NAMES else f'standing="{what}", '
            lines += [f'      - series: \'{name}{{{standing}instance="{host}:1", gateway="a"}}\'']
            lines += [f"        values: '{value}x40'"]
        lines += ["    promql_expr_test:"]
        for alert in _WATCHED:
            lines += [f'      - expr: count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)']
            lines += ["        eval_time: 150s", "        exp_samples:", f"          - value: {int(alert in rings)}"]
            lines += ["            labels: '{}'"]
        (tmp_path / "test.yml").write_text("\n".join(lines) + "\n")
        done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("bad", "all_of_them", "rings"), [(0, 100, False), (5, 100, False), (50, 100, True), (9, 10, False)]
    )
    def test_rings_for_voices_that_sound_bad(self, tmp_path: Path, bad: int, all_of_them: int, rings: bool) -> None:
        labels = 'instance="A:1", role="centre", direction="to"'
        series = {
            f'splitter_voice_mos_bucket{{{labels}, le="3.5"}}': bad,
            f"splitter_voice_mos_count{{{labels}}}": all_of_them,
        }
        assert (
            plays(tmp_path, "SplitterVoiceIsBad", {name: f"0+{step / 180}x360" for name, step in series.items()})
            is rings
        )

    @pytest.mark.parametrize(
        ("missed", "answered", "rings"), [(0, 100, False), (3, 30, False), (9, 900, False), (20, 100, True)]
    )
    def test_rings_for_voices_that_are_missing(self, tmp_path: Path, missed: int, answered: int, rings: bool) -> None:
        series = {
            'voices_missed_total{instance="A:1", side="centre"}': missed,
            'calls_total{instance="A:1", outcome="answered"}': answered,
        }
        values = {f"splitter_{name}": f"0+{step / 180}x360" for name, step in series.items()}
        assert plays(tmp_path, "SplitterVoicesMissing", values) is rings


def plays(folder: Path, alert: str, series: dict[str, str]) -> bool:
    """Whether an alert rings after half an hour of these series, a value every 5 s."""
    lines = [f"rule_files: [{RULES}]", "evaluation_interval: 5s", "tests:", "  - interval: 5s", "    input_series:"]
    for name, values in series.items():
        lines += [f"      - series: '{name}'", f"        values: '{values}'"]
    lines += ["    promql_expr_test:"]
    lines += [f'      - expr: count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)']
    lines += ["        eval_time: 30m", "        exp_samples:", "          - value: 1", "            labels: '{}'"]
    (folder / "test.yml").write_text("\n".join(lines) + "\n")
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True)
    assert "got:" in done.stdout + done.stderr or done.returncode == 0, done.stdout + done.stderr
    return done.returncode == 0
