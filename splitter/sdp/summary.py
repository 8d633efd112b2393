"""A description in one line, as operators read it in a trace or a table of calls. Pure."""

from __future__ import annotations

from collections.abc import Collection

from splitter.sdp.model import Session, shown
from splitter.sdp.split import NOT_VOICE


def summary(session: Session) -> str:
    """All m-lines: kind, what is negotiated or offered, direction, address; "off" for port 0.

    >>> from splitter.sdp.parse import parse
    >>> head = "v=0\\no=- 1 1 IN IP4 192.0.2.1\\nc=IN IP4 192.0.2.1\\n"
    >>> summary(parse(head + "m=audio 4000 RTP/AVP 8 0\\na=sendonly\\nm=text 0 RTP/AVP 98\\n"))
    'audio PCMA/8000 PCMU/8000 sendonly 192.0.2.1:4000, text off'
    """
    parts = []
    for i, media in enumerate(session.media):
        if media.port:
            host, port, _ = session.address_of(i)
            at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            parts.append(f"{shown(media.kind, 20)} {line_summary(session, i)} {shown(at)}")
        else:
            parts.append(f"{shown(media.kind, 20)} off")
    return ", ".join(parts) or "no media"


def line_summary(session: Session, index: int, among: Collection[str] | None = None) -> str:
    """One m-line without its address, e.g. "PCMA/8000 sendrecv" or "H264 42e01f mode 1 sendrecv"; "" for port 0.

    Args:
        among: only these of its formats.
    """
    media = session.media[index]
    if not media.port:
        return ""
    formats = media.formats if among is None else [one for one in media.formats if one in among]
    words = []
    for codec in media.codecs:
        if str(codec.payload_type) not in formats:
            continue
        if codec.name.upper() == "H264":
            parameters = codec.parameters
            identity = parameters.get("profile-level-id", "").lower()
            words.append(f"H264 {identity} mode {parameters.get('packetization-mode', '0')}".replace("  ", " "))
        elif media.kind != "audio":
            words.append(codec.name)
        elif codec.name.lower() not in NOT_VOICE:
            words.append(f"{codec.name}/{codec.clock}")
    what = " ".join(dict.fromkeys(words)) or " ".join(formats)
    direction = session.direction_of(index)
    held = " (null address)" if session.is_hold(index) else ""
    return f"{shown(what, 120)} {direction}{held}"


def in_use(ours: Session | None, theirs: Session | None, kind: str) -> str:
    """The first line of this kind that is on, as both sides named it, or as we did while the peer has not."""
    for index, media in enumerate(ours.media if ours else ()):
        if ours is None or media.kind != kind or not media.port:
            continue
        named = theirs.media[index].formats if theirs and index < len(theirs.media) else media.formats
        return line_summary(ours, index, named if any(one in named for one in media.formats) else None)
    return ""
