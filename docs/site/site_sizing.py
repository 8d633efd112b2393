"""The tables of bench/results, as they were measured last."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path(__file__).parents[2] / "bench/results"


def sizing() -> str:
    """Each result as a section."""
    parts = []
    for file in sorted(RESULTS.glob("*.md")):
        text = file.read_text(encoding="utf-8").replace("<", "&lt;")
        title, rest = text.split("\n", 1)
        parts.append(f"## {title.removeprefix('# ')}\n{rest}")
    return "\n\n".join(parts)
