"""What keeps a file from being TOML, in words that name the line and the remedy. Pure.

The words of `tomllib` are those of a parser: "Invalid value" is a text without quotes, "Illegal character" a quote that
was not closed. What people really do is told as such; whatever else there is, in the parser's words.
"""

from __future__ import annotations

import re

_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_SECRET = re.compile(r"(?s)(password|ha1|sha256|secret).*")
_QUOTES = re.compile("[“”„‟«»‘’‚]")
_WORD = re.compile(r"""\s*[\w."-]+\s*=\s*([A-Za-z_/][^"'#]*?)\s*(#.*)?""")
_COLON = re.compile(r"""\s*([\w.-]+)\s*:.*""")
_UNIT = re.compile(r"\s*([\w.-]+)\s*=\s*([0-9][0-9.]*\s*([A-Za-z%]*))\s*(#.*)?")
_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?")


def syntax_problem(file: str, text: str, message: str) -> str:
    """The problem of a file, as "FILE:LINE: file: is not TOML: …; remedy".

    Args:
        message: of tomllib; ends with "(at line 3, column 9)" or "(at end of document)".
    """
    lines = text.splitlines()
    place = _PLACE.search(message)
    if place is None:
        what = message.removesuffix(" (at end of document)")
        last = text.rstrip("\n").count("\n") + 1
        return f"{file}:{last}: file: is not TOML: {what} at the end of the file; complete the last entry"
    number, column = int(place[1]), int(place[2])
    line = lines[number - 1] if number <= len(lines) else ""
    what, remedy = _told(message[: place.start()], line, column, lines[: number - 1])
    shown = _SECRET.sub(r"\1 = …", line.strip())  # what is secret stays in the file
    return f"{file}:{number}: file: is not TOML: {what}; {remedy}: {shown}"


def _told(message: str, line: str, column: int, before: list[str]) -> tuple[str, str]:
    """What is wrong with a line, and what to do about it."""
    if found := _QUOTES.search(line):
        return f"typographic quotes ({found[0]}) at column {found.start() + 1}", 'write plain ones, "like this"'
    if message.startswith("Cannot declare") and (header := _HEADER.fullmatch(line)):
        first = next((number for number, one in enumerate(before, 1) if _same(one, header[1])), 0)
        where = f" at line {first}" if first else ""
        return f"the table [{header[1]}] stands here and{where} already", "put the keys of both under one of the two"
    if message.startswith("Cannot overwrite a value"):
        return f"the key {line.partition('=')[0].strip()} was given in this table already", "leave one of the two"
    if message.startswith("Illegal character") and line[:column].count('"') % 2:
        return f"the quotes before column {column} are not closed", "close them in the same line"
    if message == "Invalid value" and (word := _WORD.fullmatch(line)) and word[1].lower() in ("true", "false"):
        return f"{word[1]} is written in small letters", "correct this line"
    if message == "Invalid value" and (word := _WORD.fullmatch(line)) and word[1].lower() in _FLAGS:
        return f"{word[1]} is no value", f"write {_FLAGS[word[1].lower()]}"
    if message == "Invalid value" and _WORD.fullmatch(line):
        return f"a text without quotes at column {column}", "put it in quotes"
    if message == "Invalid value" and line.rstrip().endswith("="):
        return "there is no value behind the =", "write one, or take the line out"
    if message.startswith("Expected '='") and (pair := _COLON.fullmatch(line)):
        return "a key is followed by =, not by :", f"write {pair[1]} = …"
    if message.startswith("Expected newline") and (number := _UNIT.fullmatch(line)):
        what = f"{number[2]} has a unit" if number[3] else f"{number[2]} begins with a zero"
        return what, f"write {number[1]} = {number[2].rstrip(number[3]).lstrip('0') or '0'}"
    if message.startswith("Expected ']'"):
        return f"the bracket of {line.strip()} is not closed", "write ] behind the name, and ]] behind that of a list"
    if message.startswith("Unclosed array"):
        return f"the list is not closed before column {column}", "put commas between its elements, and ] behind them"
    if message.startswith("Invalid statement") and line.lstrip().startswith((";", "//")):
        return "comments begin with #", "correct this line"
    return f"{message} at column {column}", "correct this line"


def _same(line: str, name: str) -> bool:
    found = _HEADER.fullmatch(line)
    return found is not None and found[1].replace('"', "") == name.replace('"', "")
