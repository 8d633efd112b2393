"""Rules that name calls: by trunk, called number or desk. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallRules:
    """Calls that come from or go to these trunks, whose called number matches, or that one of these extensions has."""

    trunks: tuple[str, ...] = ()
    called: re.Pattern[str] | None = None
    desks: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is a rule."""
        return bool(self.trunks or self.called is not None or self.desks)

    def which(self, trunks: tuple[str, ...], called: str, extension: str) -> str:
        """The rule that names this call, as what it is of: "of trunk sbc"; "" where none does."""
        if trunk := next((trunk for trunk in trunks if trunk in self.trunks), ""):
            return f"of trunk {trunk}"
        if self.called is not None and self.called.fullmatch(called):
            return f"to {called}"
        return f"of desk {extension}" if extension and extension in self.desks else ""
