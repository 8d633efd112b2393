"""STUN Binding messages of a settled ICE path, as bytes (RFC 8489, RFC 8445 §7.3, RFC 7675). Pure.

A browser repeats the same check every few seconds, and only the transaction and the two seals at its end differ. Once
aioice has judged one in full, what is left to do for the next is to verify its seals and to seal an answer:

    a check ──as the one before?──▶ seals right? ──▶ the answer
                 │ no                   │ no
                 └──────▶ aioice ◀──────┘
"""

from __future__ import annotations

import hmac
from binascii import crc32
from ipaddress import ip_address

from splitter.core.net import Address

TRANSACTION_BYTES = 12

_COOKIE = b"\x21\x12\xa4\x42"
_REQUEST, _RESPONSE = b"\x00\x01", b"\x01\x01"
_HEADER_BYTES, _SEALS_BYTES = 20, 32
_INTEGRITY, _INTEGRITY_BYTES = b"\x00\x08\x00\x14", 24  # MESSAGE-INTEGRITY (RFC 8489 §14.5)
_FINGERPRINT, _FINGERPRINT_MASK = b"\x80\x28\x00\x04", 0x5354554E  # §14.7
_MAPPED_4, _MAPPED_6 = b"\x00\x20\x00\x08\x00\x01", b"\x00\x20\x00\x14\x00\x02"  # XOR-MAPPED-ADDRESS (§14.2)


def seal(message: bytes, key: bytes) -> bytes:
    """Add MESSAGE-INTEGRITY and FINGERPRINT, and set the length, to a message that has neither."""
    kind, rest, size = message[:2], message[4:], len(message) - _HEADER_BYTES
    covered = b"".join((kind, (size + _INTEGRITY_BYTES).to_bytes(2), rest))
    digest = hmac.digest(key, covered, "sha1")
    whole = b"".join((kind, (size + _SEALS_BYTES).to_bytes(2), rest, _INTEGRITY, digest))
    return b"".join((whole, _FINGERPRINT, (crc32(whole) ^ _FINGERPRINT_MASK).to_bytes(4)))


def is_sealed(data: bytes, key: bytes) -> bool:
    """Whether a message ends with both seals, made with this key."""
    return len(data) >= _HEADER_BYTES + _SEALS_BYTES and hmac.compare_digest(seal(data[:-_SEALS_BYTES], key), data)


def answers(data: bytes, transaction: bytes) -> bool:
    """Whether this claims to be the answer to a request of this transaction, and no error."""
    return data[:2] == _RESPONSE and data[8:_HEADER_BYTES] == transaction


class RepeatedCheck:
    """The check that a peer repeats on its path.

    Args:
        check: one that was judged in full, and found to change nothing.
        source: where it came from.
        key: our password, by which it is sealed, and our answers.
    """

    __slots__ = ("_key", "_length", "_said", "_told", "_told_6")

    def __init__(self, check: bytes, source: Address, key: bytes) -> None:
        self._key = key
        self._length, self._said = len(check), _constant(check)
        host, port = ip_address(source.host).packed, source.port.to_bytes(2)
        self._told, self._told_6 = b"", b""
        if len(host) == 4:
            self._told = _MAPPED_4 + _xor(port + host, _COOKIE[:2] + _COOKIE)
        else:
            self._told_6 = port + host

    def answer(self, data: bytes) -> bytes | None:
        """Make the answer to a check; None where it is another message, or none of the peer's."""
        if len(data) != self._length or _constant(data) != self._said or not is_sealed(data, self._key):
            return None
        transaction = data[8:_HEADER_BYTES]
        mapped = self._told or _MAPPED_6 + _xor(self._told_6, _COOKIE[:2] + _COOKIE + transaction)
        return seal(b"".join((_RESPONSE, b"\x00\x00", _COOKIE, transaction, mapped)), self._key)


def _constant(check: bytes) -> bytes:
    """A request without what differs from the next one: the transaction, and the seals."""
    return check[:8] + check[_HEADER_BYTES:-_SEALS_BYTES]


def _xor(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(size)
