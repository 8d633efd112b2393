"""Writing session descriptions in the order of RFC 8866 §5. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from splitter.sdp.model import Attribute, Bandwidth, Connection, Media, Session


def write(session: Session) -> bytes:
    """The session as a body: CRLF at each line's end, what `parse` read given back."""
    origin = session.origin
    lines = [
        f"v={session.version}",
        f"o={origin.username} {origin.session_id} {origin.version} IN {origin.address_type} {origin.address}",
        f"s={session.name}",
    ]
    _optional(lines, "i", session.info)
    _optional(lines, "u", session.uri)
    lines += [f"e={email}" for email in session.emails]
    lines += [f"p={phone}" for phone in session.phones]
    _connection(lines, session.connection)
    _bandwidths(lines, session.bandwidths)
    lines += session.times
    _optional(lines, "k", session.key)
    _attributes(lines, session.attributes)
    for media in session.media:
        _media(lines, media)
    lines.append("")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _media(lines: list[str], media: Media) -> None:
    port = f"{media.port}/{media.port_count}" if media.port_count != 1 else str(media.port)
    lines.append(" ".join((f"m={media.kind}", port, media.proto, *media.formats)))
    _optional(lines, "i", media.title)
    _connection(lines, media.connection)
    _bandwidths(lines, media.bandwidths)
    _optional(lines, "k", media.key)
    _attributes(lines, media.attributes)


def _optional(lines: list[str], letter: str, value: str | None) -> None:
    if value is not None:
        lines.append(f"{letter}={value}")


def _connection(lines: list[str], connection: Connection | None) -> None:
    if connection is not None:
        lines.append(f"c=IN {connection.address_type} {connection.address}")


def _bandwidths(lines: list[str], bandwidths: Iterable[Bandwidth]) -> None:
    lines += [f"b={kind}:{value}" for kind, value in bandwidths]


def _attributes(lines: list[str], attributes: Iterable[Attribute]) -> None:
    lines += [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]
