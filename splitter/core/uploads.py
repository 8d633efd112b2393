"""Kinds of files that callers may send from their page, and the little that is looked at in a PDF. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from splitter.core.errors import PeerError

PDF_LIMIT_BYTES = 10_000_000
_HEAD = re.compile(rb"%PDF-[12]\.\d")  # ISO 32000-2 §7.5.2
_END, _END_WITHIN = b"%%EOF", 1024  # §7.5.5; readers look for it so far from the end


class UploadKind(StrEnum):
    """A kind of file that callers may send."""

    PHOTO = "photo"  # decoded and written anew: a JPEG
    PDF = "pdf"  # kept as it came

    @property
    def suffix(self) -> str:
        """The end of its files' names."""
        return "jpg" if self is UploadKind.PHOTO else "pdf"

    @property
    def content_type(self) -> str:
        """The content type that it is given out with."""
        return "image/jpeg" if self is UploadKind.PHOTO else "application/pdf"


def check_pdf(data: bytes) -> None:
    """Look whether this is a PDF from its beginning to its end; what it holds is not looked at.

    Raises:
        PeerError: status 413, too large; 415, no PDF, or a part of one.
    """
    if len(data) > PDF_LIMIT_BYTES:
        raise PeerError(f"the PDF has {len(data)} bytes: {PDF_LIMIT_BYTES} at most", 413)
    if not _HEAD.match(data):
        raise PeerError("this is no PDF", 415)
    if _END not in data[-_END_WITHIN:]:
        raise PeerError("this is a part of a PDF: its end is missing", 415)
