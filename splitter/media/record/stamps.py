"""Time stamps of the ledger by an authority (RFC 3161), by rfc3161-client. Does I/O, and blocks.

What is stamped is the hash of an entry, as its 64 letters: that holds for all entries before it. Whoever has the stamp,
the letters and the authority's certificate can check it: `openssl ts -verify` does.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.x509 import Certificate, load_pem_x509_certificates

from splitter.core.errors import LocalError
from splitter.media.record.ledger import folder_of

_LIMIT_S = 15.0
_SIZE_LIMIT = 100_000
_CERTIFICATES = 0xA0
_GRANTED = (0, 1)  # and with changes (RFC 3161 §2.4.2)

Authority = Callable[[bytes], bytes]
"""Takes a request, gives a response, both in DER. Raises LocalError."""


def authority_at(url: str) -> Authority | None:
    """The authority that answers there (RFC 3161 §3.4), None for "". Raises LocalError: rfc3161-client is not there."""
    if not url:
        return None
    _client()

    def ask(request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            asked = urllib.request.Request(url, request, headers)
            with urllib.request.urlopen(asked, timeout=_LIMIT_S) as response:
                return bytes(response.read(_SIZE_LIMIT))
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise LocalError(f"the time stamp authority: {error}") from error

    return ask


def stamped(hash: str, authority: Authority) -> bytes:
    """Have the hash of an entry stamped. Returns: the response, in DER. Raises LocalError."""
    rfc3161 = _client()
    request = rfc3161.TimestampRequestBuilder().data(hash.encode()).hash_algorithm(rfc3161.HashAlgorithm.SHA256).build()
    answer = authority(request.as_bytes())
    try:
        response = rfc3161.decode_timestamp_response(in_order(answer))
        if response.status not in _GRANTED:
            raise LocalError(f"the time stamp authority refuses: status {response.status}")
        same = response.tst_info.nonce == request.nonce
        if not same or response.tst_info.message_imprint.message != request.message_imprint.message:
            raise LocalError("the time stamp authority has stamped something else")
    except ValueError as error:
        raise LocalError(f"the time stamp authority says what cannot be read: {error}") from error
    return answer


def stamp_file(folder: Path, number: int) -> Path:
    """The file of the stamp of an entry."""
    return folder_of(folder) / f"{number}.tsr"


def time_of(stamp: bytes, hash: str, roots: list[Certificate]) -> float:
    """When an authority has seen the hash of an entry.

    Args:
        roots: that its certificate is to come from; none: its signature is not looked at.

    Raises:
        LocalError: it is not a stamp of that, or of nobody whom we trust.
    """
    rfc3161 = _client()
    try:
        response = rfc3161.decode_timestamp_response(in_order(stamp))
        builder = rfc3161.VerifierBuilder()
        for root in roots:
            builder = builder.add_root_certificate(root)
        if roots:
            builder.build().verify_message(response, hash.encode())
        elif response.tst_info.message_imprint.message != _sha256(hash):
            raise LocalError("it stamps something else")
        return float(response.tst_info.gen_time.timestamp())
    except (ValueError, rfc3161.VerificationError) as error:
        raise LocalError(str(error)) from error


def read_roots(path: str) -> list[Certificate]:
    """The certificates of a file (PEM); none where there is none. Raises LocalError."""
    try:
        return load_pem_x509_certificates(Path(path).read_bytes()) if path else []
    except (OSError, ValueError) as error:
        raise LocalError(f"the certificates of the time stamp authority, {path}: {error}") from error


def in_order(response: bytes) -> bytes:
    """A response whose certificates stand in the order of DER (X.690 §11.6): OpenSSL writes them as it has them.

    They are no part of what is signed, and the client takes no others.
    """
    try:
        _, token = _inside(response, *_whole(response))[:2]
        wrapped = _inside(response, *_inside(response, *token)[1])[0]
        certificates = _inside(response, *wrapped)[3]
        if response[certificates[0]] != _CERTIFICATES:
            return response
        parts = sorted(response[begin:end] for begin, end in _inside(response, *certificates))
    except (IndexError, ValueError):
        return response  # whoever decodes it says what is wrong
    end = certificates[1]
    begin = end - sum(map(len, parts))
    return response[:begin] + b"".join(parts) + response[end:]


def _whole(data: bytes) -> tuple[int, int]:
    return 0, len(data)


def _inside(data: bytes, begin: int, end: int) -> list[tuple[int, int]]:
    """Where the parts of a DER value begin and end."""
    at, found = _content(data, begin)[0], []
    while at < end:
        _, after = _content(data, at)
        found.append((at, after))
        at = after
    return found


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value that begins there begins and ends."""
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        more = length & 0x7F
        length, begin = int.from_bytes(data[begin : begin + more], "big"), begin + more
    if begin + length > len(data):
        raise ValueError("it is cut off")
    return begin, begin + length


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def lacking_client() -> str:
    """Say that nothing is installed that reads time stamps; "" where something is."""
    try:
        _client()
    except LocalError as error:
        return str(error)
    return ""


def _client() -> Any:
    try:
        import rfc3161_client
    except ImportError as error:
        words = "time stamps need rfc3161-client: pip install 'splitter-gateway[timestamps]'"
        raise LocalError(f"{words} ({error})") from error
    return rfc3161_client
