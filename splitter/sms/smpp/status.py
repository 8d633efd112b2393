"""Command statuses of SMPP 3.4 (§5.1.3): their words, and what they mean for a message. Pure."""

from __future__ import annotations

OK = 0x00000000
NOT_BOUND = 0x00000004
UNKNOWN_COMMAND = 0x00000003
THROTTLED = frozenset({0x14, 0x58})
"""ESME_RMSGQFUL and ESME_RTHROTTLED: all that waits has to wait."""
PASSING = frozenset({0x08, 0x0D, 0x64})
"""Statuses that another attempt may not meet: the service has a fault, or calls it a temporary one of the receiver."""

_WORDS = {
    0x01: "the length of the message is wrong",
    0x03: "it does not know the command",
    0x04: "we are not bound",
    0x05: "we are bound already",
    0x08: "it has a fault",
    0x0A: "the sender's number is not allowed",
    0x0B: "the number is not valid",
    0x0D: "it does not let us in",
    0x0E: "the password is wrong",
    0x0F: "the system id is wrong",
    0x14: "its queue is full",
    0x33: "it sends to several numbers alone",
    0x45: "it did not take the message",
    0x48: "the type of the sender's number is wrong",
    0x49: "the plan of the sender's number is wrong",
    0x50: "the type of the number is wrong",
    0x51: "the plan of the number is wrong",
    0x53: "the system type is wrong",
    0x58: "too many messages at a time",
    0x61: "the time of sending is wrong",
    0x62: "the time for which it is valid is wrong",
    0x64: "the receiver cannot take it now",
    0x65: "the receiver does not take it",
    0x66: "the receiver refuses it",
}


def words(status: int) -> str:
    """The status for people, with its number for those who look it up."""
    return f"{_WORDS.get(status, 'it refuses')} (0x{status:08x})"
