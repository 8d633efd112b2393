"""The words of generated pages, in the language of the page: English as it stands, Chinese by gettext catalogues.

A catalogue in docs/site/chinese holds each English text of one part, and the Chinese beside it. `make translations`
brings them up to what the English is today: a text that is new stands there without Chinese, one that has changed with
the Chinese of the former one, which stands above it, marked as fuzzy. tests/docs/test_chinese.py fails until each of
them is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

# What a maker gives each of its texts to, to get what stands on the page.
Words = Callable[[str], str]
Maker = Callable[[Words], str]

FOLDER = Path(__file__).parent / "chinese"
_HEAD = b"""# %s, in Chinese. `make translations` renews this file; docs/zh/glossary.md has the words.
msgid ""
msgstr ""
"Language: zh_CN\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def english(text: str) -> str:
    """The text as it stands."""
    return text


def chinese(part: str) -> Words:
    """The words of one part in Chinese. A text that has none yet stays English: a page is never without it."""
    catalogue = _read(part)

    def translated(text: str) -> str:
        message = catalogue.get(text)
        return str(message.string) if message is not None and message.string else text

    return translated


def wanted(maker: Maker) -> list[str]:
    """Each text of a part once, in the order of its page."""
    found: dict[str, None] = {}
    maker(lambda text: found.setdefault(text) or text)
    return list(found)


def lacking(part: str, maker: Maker) -> Iterator[str]:
    """What is to be done before a part is in Chinese again, in words."""
    catalogue, texts = _read(part), wanted(maker)
    for text in texts:
        message = catalogue.get(text)
        if message is None:
            yield f"{part}.po has not: {text!r}"
        elif message.fuzzy:
            yield f"{part}.po has the Chinese of a former text for: {text!r}"
        elif not message.string:
            yield f"{part}.po has no Chinese for: {text!r}"
    yield from (
        f"{part}.po has what nothing says any longer: {one.id!r}" for one in written(part) if one.id not in texts
    )


def written(part: str) -> list[Message]:
    """The texts of a catalogue, with their Chinese."""
    return [message for message in _read(part) if message.id]


def renew(part: str, maker: Maker) -> int:
    """Bring a catalogue up to what the English is today.

    Returns:
        How many of its texts are to be written in Chinese.
    """
    template = Catalog(locale="zh_CN")
    for text in wanted(maker):
        template.add(text)
    catalogue = _read(part)
    catalogue.update(template)
    for message in catalogue:
        message.user_comments = message.user_comments if message.fuzzy else []  # as which a former text is read again
    with (FOLDER / f"{part}.po").open("wb") as file:
        file.write(_HEAD % part.encode())
        write_po(file, catalogue, width=116, omit_header=True, ignore_obsolete=True, include_previous=True)
    return sum(1 for message in catalogue if message.id and (message.fuzzy or not message.string))


def _read(part: str) -> Catalog:
    file = FOLDER / f"{part}.po"
    if not file.exists():
        return Catalog(locale="zh_CN")
    with file.open("rb") as lines:
        return read_po(lines, locale="zh_CN")


def of_markdown(text: str, words: Words) -> str:
    """A written page, paragraph by paragraph and row by row; blocks of code stay as they are."""
    blocks, fenced = [], False
    for block in text.split("\n\n"):
        inside = fenced or block.startswith(("```", "    "))
        fenced ^= len(re.findall(r"^```", block, re.M)) % 2 == 1
        blocks.append(block if inside or not block.strip() else _block(block, words))
    return "\n\n".join(blocks)


def _block(block: str, words: Words) -> str:
    lines = block.strip("\n").splitlines()
    if lines[0].startswith("|"):
        return "\n".join(line if re.fullmatch(r"[|\s:-]+", line) else words(line) for line in lines)
    if heading := re.fullmatch(r"(#+ )(.+)", lines[0]):
        rest = "\n".join(lines[1:])
        return heading[1] + words(heading[2]) + (f"\n{_block(rest, words)}" if rest else "")
    items = re.split(r"\n(?=(?:[-*]|\d+\.) )", "\n".join(lines))  # of a list; of all else there is one
    return "\n".join(words(" ".join(item.split())) for item in items)
