"""What an a=fmtp line means (RFC 8866 §6.15): a set of parameters; order, blanks and defaults change nothing. Pure."""

from __future__ import annotations

from splitter.sdp.codec import Codec

Meaning = dict[str, str]

_AMR = {
    "octet-align": "0",
    "mode-change-period": "1",
    "mode-change-capability": "1",
    "mode-change-neighbor": "0",
    "crc": "0",
    "robust-sorting": "0",
}
_DEFAULTS: dict[str, dict[str, str]] = {
    "amr": _AMR,  # RFC 4867 §8.1
    "amr-wb": _AMR,
    "evs": {"evs-mode-switch": "0", "hf-only": "0", "cmr": "0", "dtx": "1", "dtx-recv": "1"},  # TS 26.445 A.3.3
    "g729": {"annexb": "yes"},  # RFC 4856 §2.1.9
    "g723": {"annexa": "yes"},
    "ilbc": {"mode": "30"},  # RFC 3952 §5
    "opus": {"stereo": "0", "sprop-stereo": "0", "cbr": "0", "useinbandfec": "0", "usedtx": "0"},  # RFC 7587 §6.1
}
_ABILITIES = frozenset({"max-red", "mode-change-capability"})
"""What says of its sender alone what it can do: nobody sends it anything else for that (RFC 4867 §8.1)."""


def meaning_of(codec: Codec) -> Meaning:
    """The parameters of a format by name; those that say what is so anyway are left out."""
    found: Meaning = {}
    for item in codec.fmtp.split(";"):
        name, given, value = (part.strip() for part in item.partition("="))
        if not given:  # the list of telephone-event (RFC 4733 §2.4.1), or a bare word
            name, value = "", name
        if name or value:
            found.setdefault(name.lower(), _sorted(value))
    defaults = _DEFAULTS.get(codec.key[0], {})
    return {name: value for name, value in found.items() if defaults.get(name) != value.lower()}


def agrees(codec: Codec, *known: Codec) -> bool:
    """True if each parameter of a format was named before, by one or the other of the two sides.

    Who offers the codec that was chosen once more writes what it had offered itself, or what the answer made of it,
    or some of both.
    """
    if any(codec.key != other.key for other in known):
        return False
    mine, others = meaning_of(codec), [meaning_of(other) for other in known]
    names = set(mine).union(*others) - _ABILITIES
    return all(mine.get(name) in {other.get(name) for other in others} for name in names)


def _sorted(value: str) -> str:
    """A list of numbers (mode-set, events) in order; anything else as it is."""
    items = [item.strip() for item in value.split(",")]
    if all(
        item and all(part.isascii() and part.isdigit() and len(part) < 4 for part in item.split("-")) for item in items
    ):
        return ",".join(sorted(set(items), key=lambda item: int(item.partition("-")[0])))
    return value
