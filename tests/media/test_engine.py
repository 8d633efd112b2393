"""The one name of the media ports: scripts that report a fault of the media stand on it."""

from __future__ import annotations

import splitter.media.engine
from splitter.media.ports import ends, events, rooms, survivors, voice


class TestTheOneName:
    def test_has_what_the_ports_have(self) -> None:
        named = {
            name
            for port in (ends, events, rooms, survivors, voice)
            for name, found in vars(port).items()
            if _own(found, port)
        }
        assert named <= set(splitter.media.engine.__all__)


def _own(found: object, port: object) -> bool:
    return isinstance(found, type) and found.__module__ == port.__name__  # type: ignore[attr-defined]
