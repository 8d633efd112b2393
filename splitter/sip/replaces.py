"""The Replaces header (RFC 3891): an INVITE that takes the place of a dialog. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.sip.dialog import DialogId
from splitter.sip.message import Request


@dataclass(frozen=True, slots=True)
class Replaces:
    """The dialog that is to be replaced.

    Attributes:
        dialog: as we see it: its to-tag is ours, its from-tag the peer's (§3).
        early_only: only while nobody has answered.
    """

    dialog: DialogId
    early_only: bool


def replaces(request: Request) -> Replaces | None:
    """What an INVITE wants to replace; None where it does not say so.

    Raises:
        PeerError: 400 for a header that cannot be read, or is there twice (§3).
    """
    found = request.headers.get_all("replaces")
    if not found:
        return None
    if len(found) > 1:
        raise PeerError("more than one Replaces")
    return read_replaces(found[0])


def read_replaces(value: str) -> Replaces:
    """Read a Replaces header. Raises PeerError where it cannot be read."""
    if "," in value:
        raise PeerError("more than one Replaces")
    call_id, *words = (word.strip() for word in value.split(";"))
    params = {name.strip().lower(): value.strip() for name, _, value in (word.partition("=") for word in words)}
    to_tag, from_tag = params.get("to-tag", ""), params.get("from-tag", "")
    if not call_id or not to_tag or not from_tag:
        raise PeerError("Replaces without a Call-ID and both tags")
    if from_tag == "0":
        from_tag = ""  # a peer of RFC 2543 that sends no tag
    return Replaces(DialogId(call_id, to_tag, from_tag), "early-only" in params)
