"""What a delivery receipt says (SMPP 3.4, appendix B, and §5.3.2.35, §5.3.2.12). Pure.

    id:0123456789 sub:001 dlvrd:001 submit date:2511281704 done date:2511281705 stat:DELIVRD err:000 text:…

The optional parameters count before the text, where a service sends them. It may write an id in other digits than it
gave at first: `same_ids` lists how else one may look.
"""

from __future__ import annotations

import re

from splitter.sms.message import SmsReceipt, SmsState
from splitter.sms.smpp.pdu import MESSAGE_STATE, RECEIPTED_MESSAGE_ID, DeliverSm

_ID = re.compile(r"(?:^|\s)id:(\S{1,64})", re.IGNORECASE)
_STAT = re.compile(r"(?:^|\s)stat:(\w{1,12})", re.IGNORECASE)
_ERR = re.compile(r"(?:^|\s)err:(\w{1,12})", re.IGNORECASE)

# §5.2.28 by number, and appendix B by word.
_NUMBERS = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_STATES = {
    "DELIVRD": (SmsState.DELIVERED, ""),
    "ACCEPTD": (SmsState.SENT, ""),
    "ENROUTE": (SmsState.SENT, ""),
    "EXPIRED": (SmsState.FAILED, "the phone could not be reached in time"),
    "DELETED": (SmsState.FAILED, "the service deleted it"),
    "UNDELIV": (SmsState.FAILED, "it cannot be delivered"),
    "REJECTD": (SmsState.FAILED, "the service refuses it"),
}


def receipt_of(message: DeliverSm) -> SmsReceipt | None:
    """The receipt; None for what is none, or says nothing that could be used."""
    if not message.is_receipt:
        return None
    text = message.message.decode("latin-1")
    named, stat = _ID.search(text), _STAT.search(text)
    ident = message.options.get(RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("ascii", "replace")
    ident = ident or (named[1] if named else "")
    number = message.options.get(MESSAGE_STATE, b"")
    word = _NUMBERS.get(number[0], "") if number else stat[1].upper() if stat else ""
    known = _STATES.get(word)
    if not ident or known is None:
        return None
    state, why = known
    err = _ERR.search(text)
    detail = f" (error {err[1]})" if why and err and err[1].strip("0") else ""
    return SmsReceipt(ident, state, f"{why}{detail}")


def same_ids(ident: str) -> tuple[str, ...]:
    """The ids that may mean the same: decimal and hexadecimal, with zeros before them or without."""
    plain = ident.lower()
    found = [plain, plain.lstrip("0")]
    if re.fullmatch(r"[0-9a-f]{1,16}", plain):
        found.append(str(int(plain, 16)))
    if re.fullmatch(r"[0-9]{1,20}", plain):
        found.append(f"{int(plain):x}")
    return tuple(dict.fromkeys(one for one in found if one))
