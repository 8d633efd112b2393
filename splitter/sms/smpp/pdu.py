"""The PDUs of SMPP 3.4 that an ESME needs, to bytes and back. Pure.

Numbers behind § are sections of "Short Message Peer to Peer Protocol Specification v3.4", issue 1.2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from splitter.core.errors import PeerError

HEADER_BYTES = 16
MOST_BYTES = 70_000  # a message_payload of 64 kB fits; whoever announces more speaks something else
_HEADER = struct.Struct(">IIII")
_RESPONSE = 0x80000000


class SmppCommand(IntEnum):
    """SmppCommand ids (§5.1.2.1)."""

    GENERIC_NACK = 0x80000000
    BIND_TRANSCEIVER = 0x00000009
    BIND_TRANSCEIVER_RESP = 0x80000009
    SUBMIT_SM = 0x00000004
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM = 0x00000005
    DELIVER_SM_RESP = 0x80000005
    UNBIND = 0x00000006
    UNBIND_RESP = 0x80000006
    ENQUIRE_LINK = 0x00000015
    ENQUIRE_LINK_RESP = 0x80000015


MESSAGE_PAYLOAD, RECEIPTED_MESSAGE_ID, MESSAGE_STATE = 0x0424, 0x001E, 0x0427
"""Optional parameters (§5.3.2) that receipts carry."""

TRANSCEIVER_3_4 = 0x34  # interface_version, §5.2.4
RECEIPT_WANTED = 0x01  # registered_delivery, §5.2.17: of success and of failure
HAS_HEADER = 0x40  # esm_class, §5.2.12: the text begins with a user data header
_RECEIPT_BITS, _RECEIPT_KIND = 0x3C, 0x04


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU: its head, and its body as it stands on the wire."""

    command: int
    status: int
    sequence: int
    body: bytes = b""

    @property
    def is_response(self) -> bool:
        return bool(self.command & _RESPONSE)

    def encoded(self) -> bytes:
        """The bytes of it."""
        return _HEADER.pack(HEADER_BYTES + len(self.body), self.command, self.status, self.sequence) + self.body


@dataclass(frozen=True, slots=True)
class SmppAddress:
    """A number or name with its type (§5.2.5) and plan (§5.2.6)."""

    ton: int
    npi: int
    digits: str


@dataclass(frozen=True, slots=True)
class DeliverSm:
    """What a deliver_sm carries (§4.6.1)."""

    source: str
    destination: str
    esm_class: int
    coding: int
    message: bytes
    options: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def is_receipt(self) -> bool:
        """True for a delivery receipt (§5.2.12), and not a message that a person wrote."""
        return self.esm_class & _RECEIPT_BITS == _RECEIPT_KIND or RECEIPTED_MESSAGE_ID in self.options


class PduReader:
    """Cuts a stream of bytes into PDUs."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Pdu]:
        """The PDUs that are whole now.

        Raises:
            PeerError: what comes is no SMPP; nothing behind it can be read.
        """
        self._bytes += data
        found = []
        while len(self._bytes) >= HEADER_BYTES:
            length, command, status, sequence = _HEADER.unpack_from(self._bytes)
            if not HEADER_BYTES <= length <= MOST_BYTES:
                raise PeerError(f"a PDU of {length} bytes is announced")
            if len(self._bytes) < length:
                break
            found.append(Pdu(command, status, sequence, bytes(self._bytes[HEADER_BYTES:length])))
            del self._bytes[:length]
        return found


# ---- what we send ------------------------------------------------------------------------------------------------


def bind_transceiver(system_id: str, password: str, system_type: str) -> bytes:
    """The body of a bind_transceiver (§4.1.5)."""
    head = _text(system_id, 16) + _text(password, 9) + _text(system_type, 13)
    return head + bytes((TRANSCEIVER_3_4, 0, 0)) + _text("", 41)


def submit_sm(
    source: SmppAddress, destination: SmppAddress, coding: int, header: bytes, data: bytes, validity: str
) -> bytes:
    """The body of a submit_sm (§4.4.1)."""
    message = header + data
    assert len(message) <= 254, "short_message holds no more (§5.2.21)"
    return b"".join(
        (
            _text("", 6),  # service_type
            _address(source),
            _address(destination),
            bytes((HAS_HEADER if header else 0, 0, 0)),  # esm_class, protocol_id, priority_flag
            _text("", 17),  # schedule_delivery_time
            _text(validity, 17),
            bytes((RECEIPT_WANTED, 0, coding, 0, len(message))),
            message,
        )
    )


def relative_time(seconds: float) -> str:
    """A time from now on, up to some days (§7.1.1.2)."""
    whole = max(1, min(int(seconds), 27 * 86_400))
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    return f"0000{days:02d}{hours:02d}{minutes:02d}{secs:02d}000R"


# ---- what we read ------------------------------------------------------------------------------------------------


def message_id_of(body: bytes) -> str:
    """The id in a submit_sm_resp (§4.4.2); empty where there is none, as in a refusal."""
    return _Body(body).text(65) if body else ""


def deliver_sm(body: bytes) -> DeliverSm:
    """Read the body of a deliver_sm. Raises PeerError for one that is cut off."""
    fields = _Body(body)
    fields.text(6)
    fields.skip(2)
    source = fields.text(65)
    fields.skip(2)
    destination = fields.text(65)
    esm_class = fields.byte()
    fields.skip(2)
    fields.text(17)
    fields.text(17)
    fields.skip(2)
    coding = fields.byte()
    fields.skip(1)
    message = fields.take(fields.byte())
    options = fields.options()
    return DeliverSm(source, destination, esm_class, coding, message or options.get(MESSAGE_PAYLOAD, b""), options)


def _text(text: str, most: int) -> bytes:
    """A C-octet string (§3.1); what is longer than its field is cut."""
    return text.encode("ascii", "replace").replace(b"\0", b"")[: most - 1] + b"\0"


def _address(address: SmppAddress) -> bytes:
    return bytes((address.ton, address.npi)) + _text(address.digits, 21)


class _Body:
    """Reads a body from its beginning to its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise PeerError("a PDU is shorter than its fields say")
        self._at += size
        return piece

    def skip(self, size: int) -> None:
        self.take(size)

    def byte(self) -> int:
        return self.take(1)[0]

    def text(self, most: int) -> str:
        end = self._data.find(b"\0", self._at, self._at + most)
        if end < 0:
            raise PeerError("a text of a PDU has no end")
        piece = self.take(end - self._at)
        self._at += 1
        return piece.decode("ascii", "replace")

    def options(self) -> dict[int, bytes]:
        """The optional parameters (§3.2.4.1), of which the first of each tag counts."""
        found: dict[int, bytes] = {}
        while self._at < len(self._data):
            tag, size = struct.unpack(">HH", self.take(4))
            found.setdefault(tag, self.take(size))
        return found
