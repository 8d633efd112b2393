"""Hashes of passwords that nobody logs in with who reads them: Argon2id (RFC 9106), as PHC strings. Pure."""

from __future__ import annotations

import re

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from splitter.core.keys import ValueProblem

_PHC = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1  # the OWASP's least; RFC 9106 §4 says more where a login may cost more
_MOST_MEMORY_KIB, _MOST_WORK_KIB = 262_144, 2_097_152
_SALT_BYTES, _HASH_BYTES = 16, 32


def hash_of(password: str, salt: bytes) -> str:
    """The hash of a password, with what it was made with; the salt is 16 random bytes."""
    made = Argon2id(salt=salt, length=_HASH_BYTES, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return made.derive_phc_encoded(password.encode())


def proves(password: str, hashed: str) -> bool:
    """True for the password that a hash was made of. Takes some 20 ms, more for a hash of more work."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), hashed)
    except (InvalidKey, UnsupportedAlgorithm, ValueError):
        return False
    return True


def parse_argon2(text: str) -> str:
    """A hash as a PHC string, of work that a login can wait for."""
    found = _PHC.fullmatch(text)
    if found is None:
        raise ValueProblem("is no Argon2id hash", 'write what "splitter account add USER" prints')
    memory, passes, _ = (int(number) for number in found.groups())
    if memory > _MOST_MEMORY_KIB or memory * passes > _MOST_WORK_KIB:
        remedy = f"make it with {_MOST_MEMORY_KIB} KiB at most"
        raise ValueProblem("takes so much memory or time that logins would wait for each other", remedy)
    return text
