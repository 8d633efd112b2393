"""Places: the recorder's sockets, in the folder of the media workers, and the store that files are moved to. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from splitter.core.errors import LocalError

CONTROL = "recorder.sock"
"""The socket by which the gateway asks."""

TAPS = "recorder-taps.sock"
"""The socket that taps send to."""

_STORE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)/?)?")


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where recordings are moved to, as the operator has set it; see `RecordingSettings`."""

    url: str = ""
    endpoint: str = ""
    region: str = ""
    credentials: str = ""


def is_place(url: str) -> bool:
    """Whether this names a bucket, and maybe a folder in it."""
    return _STORE.fullmatch(url) is not None


def bucket_and_folder(url: str) -> tuple[str, str]:
    """The two parts of a place. Raises LocalError: it is none."""
    found = _STORE.fullmatch(url)
    if found is None:
        raise LocalError(f'"{url}" is no place such as "s3://bucket/folder"')
    return found[1], found[2] or ""
