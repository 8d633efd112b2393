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
  const pages = (word) => new Set([terms[word] ?? [], titleterms[word] ?? []].flat());
  const words = [];
  for (const part of query.match(new RegExp(`[${han}]+|[^${han}\\\\W]+`, "gu")) || []) {
    if (!new RegExp(`[${han}]`).test(part) || part.length === 1) {
      words.push(part);
      continue;
    }
    const pairs = [...part].slice(1).map((last, at) => ({ word: part[at] + last, on: pages(part[at] + last) }));
    // Two words typed together meet in a pair that is on fewer pages than both of them: it is not asked for.
    const size = (at) => pairs[at]?.on.size ?? 0;
    let asked = pairs.filter((_, at) => size(at) && !(size(at) < size(at - 1) && size(at) < size(at + 1)));
    // Where no page has all that is left, what the best one has is asked for: better something near than nothing.
    const has = new Map();
    for (const { on } of asked) for (const page of on) has.set(page, (has.get(page) ?? 0) + 1);
    const best = [...has].reduce((most, one) => (one[1] > most[1] ? one : most), [null, 0]);
    if (best[1] < asked.length) asked = asked.filter(({ on }) => on.has(best[0]));
    words.push(...(asked.length ? asked : pairs).map(({ word }) => word));
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
