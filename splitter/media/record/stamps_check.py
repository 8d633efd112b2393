"""The time stamps of a ledger held against it, in words. Reads."""

from __future__ import annotations

from pathlib import Path

from cryptography.x509 import Certificate

from splitter.core.errors import LocalError
from splitter.media.record.ledger import LedgerEntry, folder_of
from splitter.media.record.stamps import lacking_client, stamp_file, time_of

_APART_S = 600.0  # what clocks may be apart, and an authority slow


def look_at_stamps(folder: Path, ledger: list[LedgerEntry], roots: list[Certificate], wrong: list[str]) -> None:
    """Note what is wrong with the stamps of a ledger, or with the ledger by its stamps."""
    entries = {entry.number: entry for entry in ledger}
    noted = {entry.about.get("number"): entry for entry in ledger if entry.kind == "stamped"}
    for number, entry in noted.items():
        if not isinstance(number, int) or not stamp_file(folder, number).exists():
            wrong.append(f"ledger, entry {entry.number} (stamped): its time stamp is missing")
    files = sorted(folder_of(folder).glob("*.tsr"))
    if files and (lacking := lacking_client()):
        wrong.append(f"ledger: its time stamps were not looked at: {lacking}")
        return
    for file in files:
        if not file.stem.isdecimal():
            wrong.append(f"ledger: the time stamp {file.name} was added")
            continue
        of = entries.get(int(file.stem))
        if of is None:
            words = (
                "is not there: entries were taken from the end of the ledger"
                if int(file.stem) > len(ledger)
                else "is missing"
            )
            wrong.append(f"ledger: entry {file.stem}, which was time-stamped, {words}")
            continue
        try:
            at = time_of(file.read_bytes(), of.hash, roots)
        except LocalError as error:
            wrong.append(f"ledger, entry {of.number}: its time stamp is not of it as it is now: {error}")
            continue
        if at < of.at - _APART_S:
            wrong.append(f"ledger, entry {of.number}: it was time-stamped before it says that it was written")
        told = noted.get(of.number)
        if told is not None and at > told.at + _APART_S:
            wrong.append(f"ledger, entry {of.number}: it was time-stamped later than entry {told.number} says")
