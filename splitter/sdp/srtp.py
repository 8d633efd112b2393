"""Keys of SRTP in session descriptions: a=crypto (RFC 4568, RFC 7714 §14). Pure.

What calls, relays and rooms see of an m-line over RTP/SAVP is the same line over RTP/AVP, with its keys beside it
(`Media.keys`), which are never written. `calls.legs.security` makes the one of the other.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace
from enum import StrEnum

from splitter.core.errors import PeerError


class Suite(StrEnum):
    """A crypto-suite that we speak."""

    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def key_bytes(self) -> int:
        """The length of its master key and salt together."""
        return _KEY_BYTES[self]


_KEY_BYTES = {
    Suite.AES_CM_128_HMAC_SHA1_80: 30,  # RFC 4568 §6.2: a key of 128 bits, a salt of 112
    Suite.AES_CM_128_HMAC_SHA1_32: 30,
    Suite.AEAD_AES_128_GCM: 28,  # RFC 7714 §12: the salt has 96 bits
    Suite.AEAD_AES_256_GCM: 44,
}

PLAIN_OF = {"RTP/SAVP": "RTP/AVP", "RTP/SAVPF": "RTP/AVPF"}
"""Of each secure profile, the plain one with the same feedback (RFC 3711, RFC 5124)."""

SECURE_OF = {plain: secure for secure, plain in PLAIN_OF.items()}

_INLINE = "inline:"
_NO_MATTER = ("WSH=", "-")  # a hint to the receiver (§6.3.6); extensions that may be passed over (§6.3.7)
_MOST_LINES = 16  # of one m-line; more of them are not looked at


@dataclass(frozen=True, slots=True)
class StreamKeys:
    """Keys of one stream, both ways: master key and salt of each.

    Attributes:
        theirs: of what the peer sends. ours: of what we send; b"" for nothing that may be sent.
    """

    suite: Suite
    theirs: bytes = field(repr=False)
    ours: bytes = field(repr=False)

    @property
    def receiving(self) -> StreamKeys:
        """Keys for what the peer sends alone: ours may seal no packet number twice (RFC 3711 §9.1)."""
        return replace(self, ours=b"")


@dataclass(frozen=True, slots=True)
class Crypto:
    """One a=crypto line that can be used."""

    tag: int
    suite: Suite
    key: bytes = field(repr=False)

    @property
    def value(self) -> str:
        """The attribute's value."""
        return f"{self.tag} {self.suite} {_INLINE}{b64encode(self.key).decode()}"


def read_cryptos(values: list[str]) -> list[Crypto]:
    """The a=crypto lines that can be used, in the order of the offer, which is the peer's preference (§5.1.1)."""
    found = []
    for value in values[:_MOST_LINES]:
        try:
            found.append(_read(value))
        except PeerError:
            continue  # an unknown suite, several keys, or what would change the packets: another line may do
    return found


def _read(value: str) -> Crypto:
    """One line: tag, suite, key, and parameters. Raises PeerError for one that we cannot do as it says."""
    words = value.split()
    if len(words) < 3 or not (words[0].isascii() and words[0].isdigit() and len(words[0]) <= 9):
        raise PeerError("a=crypto needs a tag, a suite and a key (RFC 4568 §9.1)", 488)
    tag, name, parameter = words[:3]
    if any(not word.upper().startswith(_NO_MATTER) for word in words[3:]):  # all others are binding (§6.3)
        raise PeerError("a=crypto has a session parameter that is not supported", 488)
    try:
        suite = Suite(name.upper())
    except ValueError:
        raise PeerError("a=crypto has an unknown suite", 488) from None
    return Crypto(int(tag), suite, _key(parameter, suite))


def _key(parameter: str, suite: Suite) -> bytes:
    """The key of "inline:KEY||SALT[|lifetime][|MKI:length]"; what has an MKI would carry it in each packet (§6.1)."""
    if not parameter.lower().startswith(_INLINE) or ";" in parameter:
        raise PeerError("a=crypto has no key, or several", 488)
    text, *more = parameter[len(_INLINE) :].split("|")
    if any(":" in one for one in more):
        raise PeerError("a=crypto has a key identifier (MKI), which is not supported", 488)
    text = text.rstrip("=")  # §6.1 discards them; there are peers that write none, or too many
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise PeerError("the key of a=crypto is no base64", 488) from None
    if len(key) != suite.key_bytes:
        raise PeerError(f"the key of a=crypto has {len(key)} bytes, and {suite} needs {suite.key_bytes}", 488)
    return key
