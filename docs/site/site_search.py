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
  const { terms, titleterms } = Search._index;
  const known = (pair) => pair in terms || pair in titleterms;
  const words = [];
  for (const part of query.match(new RegExp(`[${han}]+|[^${han}\\\\W]+`, "gu")) || []) {
    if (!new RegExp(`[${han}]`).test(part) || part.length === 1) {
      words.push(part);
      continue;
    }
    const pairs = [...part].slice(1).map((last, at) => part[at] + last);
    // Two words typed together meet in a pair that no page has: it is not asked for.
    words.push(...(pairs.some(known) ? pairs.filter(known) : pairs));
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
