"""`make translations`: the catalogues of docs/site/chinese, brought up to what the English is today."""

from __future__ import annotations

import site_pages
import site_words

for part, maker in site_pages.TRANSLATED.items():
    if open_ := site_words.renew(part, maker):
        print(f"docs/site/chinese/{part}.po: {open_} to be written in Chinese (without msgstr, or marked as fuzzy)")
