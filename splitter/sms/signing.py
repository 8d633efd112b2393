"""Signatures described in configuration: values that are made one after the other, each from those before it. Pure.

    day       = time %Y-%m-%d
    hash      = sha256 {body}
    to_sign   = text TC3-HMAC-SHA256\\n{seconds}\\n{day}/sms/tc3_request\\n{hash}
    day_key   = hmac-sha256 TC3{secret} | {day}
    signature = hmac-sha256 {day_key} | {to_sign}

A digest is bytes: shown as hexadecimal digits, or by a filter as base64, and a key as it is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from splitter.core.keys import ValueProblem, suggest
from splitter.sms.template import Value, Values, names_in, parse_template, value_of

_STEP = re.compile(r"([a-z_][a-z0-9_]*) *= *([a-z0-9-]+) ?(.*)", re.DOTALL)
_KEYED = " | "


def _keyed(digest: str) -> Callable[[bytes, bytes], bytes]:
    return lambda key, data: hmac.digest(key, data, digest)


_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}
_HMACS: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    "hmac-sha256": _keyed("sha256"),
    "hmac-sha1": _keyed("sha1"),
    "hmac-md5": _keyed("md5"),
}
FUNCTIONS = ("text", "time", *_DIGESTS, *_HMACS)


@dataclass(frozen=True, slots=True)
class SigningStep:
    """One value and how it is made; `key` is a template too, for the functions that have one."""

    name: str
    function: str
    argument: str
    key: str = ""

    @property
    def names(self) -> set[str]:
        """The values that it is made from."""
        return names_in(self.key) if self.function == "time" else names_in(self.key) | names_in(self.argument)


def read_step(text: str) -> SigningStep:
    """Read "NAME = FUNCTION ARGUMENT". Raises ValueProblem."""
    found = _STEP.fullmatch(text)
    if found is None:
        raise ValueProblem(f'"{text[:80]}" is no step of a signature', 'write it such as "hash = sha256 {body}"')
    name, function, argument = found.groups()
    if function not in FUNCTIONS:
        raise ValueProblem(f'"{function}" is no function of a signature', suggest(function, FUNCTIONS))
    key, separator, data = argument.partition(_KEYED)
    if function not in _HMACS:
        key, data = "", argument
    elif not separator:
        raise ValueProblem(f"{function} has no key", 'write it such as "sum = hmac-sha256 {secret} | {body}"')
    parse_template(key)
    return SigningStep(name, function, data if function == "time" else parse_template(data), key)


def parse_step(text: str) -> str:
    """The step as it was written, where it can be read. Raises ValueProblem."""
    read_step(text)
    return text


def signed(steps: Iterable[SigningStep], values: Values, wall: float) -> dict[str, Value]:
    """The values, and those that the steps make. Raises LocalError for a name that nothing fills."""
    made: dict[str, Value] = dict(values)
    for step in steps:
        made[step.name] = _made(step, made, wall)
    return made


def _made(step: SigningStep, values: Values, wall: float) -> Value:
    if step.function == "time":
        return datetime.fromtimestamp(wall, UTC).strftime(step.argument)
    data = value_of(step.argument, values)
    if step.function == "text":
        return data
    octets = _octets(data)
    if step.function in _HMACS:
        return _HMACS[step.function](_octets(value_of(step.key, values)), octets)
    return _DIGESTS[step.function](octets)


def _octets(value: Value) -> bytes:
    return value.encode() if isinstance(value, str) else value
