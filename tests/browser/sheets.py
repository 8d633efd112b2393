"""Contact sheets of the pictures that `make sights` took: `python -m tests.browser.sheets FOLDER`. Does I/O.

One for each page, language, size and theme, in FOLDER/sheets; the name of each picture stands over it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageDraw

_WIDTHS = {"upright": 280, "lying": 480}
_WIDTH, _LINE = 560, 14  # of the others, and of a name
_ACROSS = 1800
_NAME = re.compile(r"(?P<group>.+?)-(?P<state>\d\d-.+)-(?P<theme>light|dark)\.png")


def sheet(pictures: list[tuple[str, Path]], width: int) -> Image.Image:
    """Put pictures beside each other, each under its name."""
    small = []
    for name, path in pictures:
        picture = Image.open(path).convert("RGB")
        picture = picture.resize((width, picture.height * width // picture.width), Image.Resampling.LANCZOS)
        small.append((name, picture))
    columns = max(1, _ACROSS // width)
    height = max(picture.height for _, picture in small) + _LINE
    whole = Image.new("RGB", (columns * (width + 4), -(-len(small) // columns) * (height + 4)), "#808")
    words = ImageDraw.Draw(whole)
    for at, (name, picture) in enumerate(small):
        left, top = at % columns * (width + 4), at // columns * (height + 4)
        words.text((left + 2, top + 1), name, fill="white")
        whole.paste(picture, (left, top + _LINE))
    return whole


def main(folder: Path) -> None:
    """Make all of them."""
    groups: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for path in sorted(folder.glob("*.png")):
        if found := _NAME.fullmatch(path.name):
            groups[f"{found['group']}-{found['theme']}"].append((found["state"], path))
    target = folder / "sheets"
    target.mkdir(exist_ok=True)
    for name, pictures in groups.items():
        width = next((size for word, size in _WIDTHS.items() if word in name), _WIDTH)
        sheet(pictures, width).save(target / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
