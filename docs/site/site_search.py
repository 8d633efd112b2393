"""The search of the site: English words by their stems, Chinese by pairs of characters.

Sphinx cuts Chinese by a dictionary, for a site that is Chinese alone, and its browser's half does not cut what is asked
for at all. Pairs need no dictionary, find every substring, and are cut alike on both sides.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PART = re.compile(rf"[{_HAN}]+|[^\W{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")


class SearchBoth(SearchEnglish):
    """English and Chinese in one index."""

    js_splitter_code = """
var splitQuery = (query) => {
  const han = "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff";
  const parts = query.match(new RegExp(`[${han}]+|[^${han}\\\\s\\\\p{P}\\\\p{S}]+|_`, "gu")) || [];
  const words = [];
  for (const part of parts) {
    if (!new RegExp(`[${han}]`).test(part) || part.length === 1) words.push(part);
    else for (let i = 0; i + 1 < part.length; i++) words.push(part.slice(i, i + 2));
  }
  return words;
};
"""

    def split(self, input: str) -> list[str]:
        """Words of a text, as the index keeps them: of Chinese each character and each pair."""
        words: list[str] = []
        for part in _PART.findall(input):
            if not _IS_HAN.match(part):
                words.append(part)
                continue
            words += part
            words += (part[i : i + 2] for i in range(len(part) - 1))
        return words


def setup(app: Sphinx) -> None:
    """Put it in the place of the English search."""
    app.add_search_language(SearchBoth)
