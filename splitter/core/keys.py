'''How a key of the configuration file is declared: once, at the field of the settings that it fills. Pure.

    rejoin_window_s: Annotated[float, Key(5, 3600, taken=Uptake.LIVE)] = 60.0
    """How long an agent's browser that lost its connection may take to come back into the call."""

Type and default are the field's own, `Key` adds what they do not tell, and the text below is for operators: the
reference shows it. A key without a text of its own stands together with the one above it. A field without `Key` is no
key. `splitter.config.fields` reads files by these declarations, `splitter.config.reference` writes the reference.
'''

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum


class Uptake(StrEnum):
    """How a running gateway takes the changed value of a key."""

    LIVE = "live"  # by `splitter reload`
    RESTART = "restart"  # by `splitter restart`, which loses no call either


@dataclass(frozen=True, slots=True)
class Key:
    """What a field does not tell about its key.

    Attributes:
        taken: how its change reaches a running gateway.
        low, high: bounds of a number, both possible themselves.
        choices: the words that a text, or each text of a list, may be; those of a StrEnum need not be told.
        parse: turns the text, or each text of a list, into the value; raises ValueProblem.
        missing: makes the key necessary: the remedy where it is not there.
        example: what the reference shows, as TOML, instead of the default.
        name: in the file, where it is not the field's.
        table: where it stands, if not in the table of the other fields.
        secret: no problem shows its value.
        file: a path, which starts at the directory of the configuration; but not the text `not_a_file`.
        unique: a list holds each value once, whatever was written.
        filled: a list without a good element counts as not written.
    """

    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    parse: Callable[[str], object] | None = None
    missing: str = ""
    example: str = ""
    name: str = ""
    table: str = ""
    secret: bool = False
    file: bool = False
    not_a_file: str | None = None
    unique: bool = False
    filled: bool = False
    taken: Uptake = field(kw_only=True)


class ValueProblem(ValueError):
    """What a parser of one value raises: what is wrong with it, and what would be right."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


def suggest(word: str, known: Iterable[str]) -> str:
    """The remedy for a word that should have been one of `known`."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known here: {', '.join(names)}" if names else "remove it"


def words_of(choices: Iterable[str], make: Callable[[str], object] = str) -> Callable[[str], object]:
    """A parser that takes these words alone, and makes values of them."""
    allowed = tuple(choices)

    def parse(text: str) -> object:
        if text not in allowed:
            raise ValueProblem(f'"{text}" is not possible here', suggest(text, allowed))
        return make(text)

    return parse


def optional(parse: Callable[[str], str]) -> Callable[[str], str]:
    """A parser that lets the empty text pass, for keys where that means nothing."""
    return lambda text: parse(text) if text else ""
