"""What happens, as the event socket tells it, and who of its listeners sees what of it. Pure.

A happening holds what was before it, so that what a listener sees follows from the happening alone: one that resumes
after a break gets the same frames as one that was there all the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from splitter.calls.desks import DeskView
from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView, Notice
from splitter.web.access.bearer import Bearer
from splitter.web.access.privacy import DeskSight, for_desk, hears

WIDE = ("", "")
"""The audience that hears everything."""

Audience = tuple[str, str]


@dataclass(slots=True)
class CallChanged:
    """News that a call is not as it was; `before` is None for a new one."""

    seq: int
    at: float
    view: CallView
    before: CallView | None
    stream: str = ""
    _texts: dict[str, str] = field(default_factory=dict)

    def addresses(self) -> set[Audience]:
        """The audiences that it may concern."""
        found = {WIDE, ("call", self.view.call_id)}
        for view in (self.view, self.before):
            if view is not None:
                found.update(("extension", extension) for extension in _taking_part(view))
        return found

    def frame(self, bearer: Bearer) -> str | None:
        """What this listener is told; None for nothing."""
        if wide(bearer):
            return self._text("wide", self.view)
        before = self.before if self.before is not None and bearer.takes_part(self.before) else None
        if not bearer.takes_part(self.view) and (before is None or self.view.state != "ended"):
            # Its last sight of the call: what became of it since is somebody else's.
            return None if before is None else self._text("gone", for_desk(before), gone=True)
        sight = DeskSight.of(bearer)
        shown = for_desk(self.view, sight)
        if before is not None and for_desk(before, sight) == shown:
            return None  # what changed is nothing that a desk sees
        return self._text(f"desk {sight}", shown)

    def _text(self, sight: str, view: CallView, **more: bool) -> str:
        text = self._texts.get(sight)
        if text is None:
            text = self._texts[sight] = frame("call", self.seq, self.at, stream=self.stream, call=view, **more)
        return text


@dataclass(slots=True)
class Told:
    """News for people at the desks.

    Attributes:
        view: the call as it was last seen.
        extension: of the party that the notice names: it is told too, even where it has left the call.
    """

    seq: int
    at: float
    notice: Notice
    view: CallView | None
    extension: str = ""
    stream: str = ""
    _text: str = ""

    def addresses(self) -> set[Audience]:
        """The audiences that it may concern."""
        view = self.view
        extensions = [self.extension]
        if view is not None:
            extensions += _taking_part(view)
        found = {("extension", extension) for extension in extensions if extension}
        return {WIDE, ("call", self.notice.call_id), *found}

    def frame(self, bearer: Bearer) -> str | None:
        """What this listener is told; None for nothing."""
        its_own = bool(self.extension) and Scope.DESK in bearer.scopes and bearer.extension == self.extension
        if not (its_own and not bearer.call_id) and not hears(self.notice, self.view, bearer):
            return None
        self._text = self._text or frame("notice", self.seq, self.at, stream=self.stream, notice=self.notice)
        return self._text


@dataclass(slots=True)
class DeskChanged:
    """News that somebody came to a desk, left it, or entered or left a call there.

    Attributes:
        view: of the node that says so.
        shown: with the clients that it has at other nodes; None where there are none to be asked.
    """

    seq: int
    at: float
    view: DeskView
    stream: str = ""
    shown: DeskView | None = None
    _text: str = ""

    def addresses(self) -> set[Audience]:
        """The audiences that it may concern."""
        return {WIDE}

    def frame(self, bearer: Bearer) -> str | None:
        """What this listener is told; None for nothing."""
        if not wide(bearer):
            return None
        self._text = self._text or self._frame(self.shown or self.view)
        return self._text

    def near_frame(self) -> str:
        """What another node is told: of this one alone."""
        return self._frame(self.view)

    def _frame(self, view: DeskView) -> str:
        return frame("desk", self.seq, self.at, stream=self.stream, desk=view)


Happening = CallChanged | Told | DeskChanged


def _taking_part(view: CallView) -> set[str]:
    """Extensions of desks that may see the call."""
    return {view.extension, *view.admitted, *(party.extension for party in view.parties)} - {""}


def wide(bearer: Bearer) -> bool:
    """True for a bearer that hears of every call."""
    return bearer.may(Scope.READ, Scope.CONTROL)


def address_of(bearer: Bearer) -> Audience:
    """The audience that a bearer belongs to."""
    if wide(bearer):
        return WIDE
    return ("call", bearer.call_id) if bearer.call_id else ("extension", bearer.extension)


def frame(kind: str, seq: int, at: float | None = None, **fields: object) -> str:
    """A frame of the socket, as text."""
    head: dict[str, object] = {"type": kind, "seq": seq}
    if at is not None:
        head["at"] = round(at, 3)
    return msgspec.json.encode(head | fields).decode()
