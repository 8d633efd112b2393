"""REFER (RFC 3515): whom a peer wants its other side to be transferred to, and what it is told of that. Pure.

Of the Refer-To the number counts, and a dialog that is to be replaced (RFC 3891 as RFC 5589 §7 uses it). Its host, and
whatever other headers a URI may bring (RFC 3261 §19.1.5), are not followed: where a call goes is for the one who makes
it to say.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote as unescape

from splitter.core.errors import PeerError
from splitter.sip.message import Request
from splitter.sip.replaces import Replaces, read_replaces
from splitter.sip.uri import NameAddr, parse_uri, user_of

NOREFERSUB = "norefersub"  # RFC 4488: the peer may do without being told
SIPFRAG = "message/sipfrag;version=2.0"  # RFC 3420
_LONGEST_NUMBER, _LONGEST, _LONGEST_REASON = 64, 512, 80


@dataclass(frozen=True, slots=True)
class Referral:
    """A transfer that a peer asks for.

    Attributes:
        number: that is to be called.
        subscription: the id of what its sender is told by (RFC 3515 §2.4.6).
        replaces: the value of the Replaces header that whom we call is to get, "" for a call of its own; `dialog` is
            that one read.
        referred_by: the value of the Referred-By header (RFC 3892); "" where there is none that can be read.
        told: its sender wants to be told what comes of it.
    """

    number: str
    subscription: str
    replaces: str = ""
    dialog: Replaces | None = None
    referred_by: str = ""
    told: bool = True


def referral_of(request: Request) -> Referral:
    """Read a REFER.

    Raises:
        PeerError: 400 for a Refer-To that is missing, there twice (§2.4.1) or cannot be read; 416 for one that is no
            sip:, sips: or tel: URI; 403 for another method than INVITE.
    """
    found = request.headers.get_all("refer-to")
    if len(found) != 1:
        raise PeerError("a REFER has one Refer-To")
    if len(found[0]) > _LONGEST:
        raise PeerError("a Refer-To that is too long")
    bare = "?" in found[0] and "<" not in found[0]  # which has to stand in brackets (RFC 3261 §20), and does not always
    uri = found[0].strip() if bare else NameAddr.parse(found[0]).uri
    scheme = uri.partition(":")[0].lower()
    if scheme not in ("sip", "sips", "tel"):
        raise PeerError(f"Refer-To: URI scheme {scheme[:20]} is not sip, sips or tel", 416)
    value = ""
    if scheme != "tel":
        target = parse_uri(uri)
        if (target.params.get("method") or "INVITE").upper() != "INVITE":
            raise PeerError("nothing but a call comes of a transfer", 403)
        value = _replaces_in(target.headers)
    number = user_of(uri)
    if not number or len(number) > _LONGEST_NUMBER or not number.isprintable():
        raise PeerError("Refer-To names no number")
    refuses = (request.headers.get("refer-sub") or "").partition(";")[0].strip().lower() == "false"
    dialog = read_replaces(value) if value else None
    return Referral(number, str(request.cseq[0]), value, dialog, _referred_by(request), not refuses)


def sipfrag(status: int, reason: str) -> bytes:
    """The body that tells how far a transfer is (RFC 3515 §2.4.5); `reason` may be whatever a peer has said."""
    words = "".join(letter for letter in reason[:_LONGEST_REASON] if letter.isprintable())
    return f"SIP/2.0 {status} {words}\r\n".encode(errors="replace")


def _replaces_in(headers: str) -> str:
    """The value of Replaces among the headers of a URI; "" where it has none. Raises PeerError."""
    pairs = (pair.partition("=") for pair in headers.split("&"))
    found = [unescape(value) for name, _, value in pairs if unescape(name).lower() == "replaces"]
    if len(found) > 1:
        raise PeerError("more than one Replaces")
    if found and not (found[0].isascii() and found[0].isprintable()):
        raise PeerError("a Replaces that cannot be read")
    return found[0] if found else ""


def _referred_by(request: Request) -> str:
    found = request.headers.get_all("referred-by")
    if len(found) == 1 and len(found[0]) <= _LONGEST and found[0].isprintable():
        with suppress(PeerError):  # what cannot be read is not passed on
            NameAddr.parse(found[0])
            return found[0]
    return ""
