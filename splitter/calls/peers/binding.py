"""Which agent the centre gave a call to, read from what it says of the connected line. Pure.

P-Asserted-Identity (RFC 3325) and Remote-Party-ID (draft-ietf-sip-privacy-04) in its 18x, 2xx, re-INVITE and UPDATE;
Contact and To; From of requests in the dialog, where the trunk does RFC 4916. What fits no agent is left alone, and of
several that do none is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from splitter.calls.settings import Trunk
from splitter.core.errors import PeerError
from splitter.sip.message import Message, Request, Response
from splitter.sip.uri import NameAddr

LONGEST = 64
_MOST_VALUES = 8  # of one header; two are legal (RFC 3325 §9.1)
_MOST_BRANCHES = 32
_OF_REQUESTS = frozenset({"INVITE", "UPDATE"})
_SHORT = range(2, 7)  # digits of an extension that nobody has told us of


@dataclass(frozen=True, slots=True)
class Named:
    """An agent whom the centre names in the header `source`; extension "": it names somebody who is no agent."""

    extension: str
    source: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Several agents are named at once; `text` says who, and in which headers."""

    text: str


@dataclass(slots=True)
class LineMemory:
    """The sayings of one leg of the centre so far; plain data.

    Attributes:
        others: numbers that are in these headers for another reason: the one we dialled, and the caller's.
        last: whom it named last.
        branches: while it rings, extension → header by early dialog.
    """

    others: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    branches: dict[str, dict[str, str]] = field(default_factory=dict)


class ConnectedLine:
    """Reads from the messages of one leg of the centre which agent it is connected to.

    Args:
        trunk: says which headers count, and what an extension looks like.
        knows: True for the extension of an account, or of a desk that is online.
        memory: what was said before.
    """

    def __init__(self, trunk: Trunk, knows: Callable[[str], bool], memory: LineMemory) -> None:
        self._sources = trunk.bind_from
        self._pattern = trunk.extension_pattern
        self._knows = knows
        self._memory = memory

    def learn_from(self, message: Message) -> Named | Unclear | None:
        """A message of the centre; None where it says nothing new."""
        if isinstance(message, Request):
            if message.method not in _OF_REQUESTS:
                return None
        elif message.status >= 300:
            return None
        named, spoke = self._read(message)
        if isinstance(message, Response):
            named = self._over_branches(message, named)
        if not named:
            return self._nobody(spoke, message)
        found = frozenset(named)
        if found == self._memory.last:
            return None
        self._memory.last = found
        if len(found) == 1:
            return Named(*next(iter(named.items())))
        words = ", ".join(f"{extension} ({source})" for extension, source in named.items())
        return Unclear(f"the centre names several agents: {words}")

    def _over_branches(self, response: Response, named: dict[str, str]) -> dict[str, str]:
        """While it rings, everybody whom one of the early dialogs names (RFC 3261 §13.2.2.4: there may be several)."""
        tag = response.to_tag or ""
        if response.status >= 200:
            before = self._memory.branches.get(tag, {})
            self._memory.branches.clear()
            return named or before
        if named and (tag in self._memory.branches or len(self._memory.branches) < _MOST_BRANCHES):
            self._memory.branches[tag] = named
        return {extension: source for branch in self._memory.branches.values() for extension, source in branch.items()}

    def _nobody(self, spoke: str, message: Message) -> Named | None:
        """The call went back to a queue, say. Only a pattern tells such a number from an agent's for sure."""
        early = isinstance(message, Response) and message.status < 200
        if early or not spoke or not self._memory.last or self._pattern is None:
            return None
        self._memory.last = frozenset()
        return Named("", spoke)

    def _read(self, message: Message) -> tuple[dict[str, str], str]:
        """Extension → header, for each agent that is named; and a header that names somebody else."""
        named: dict[str, str] = {}
        spoke = ""
        for source in self._sources:
            for user in _users(message, source):
                if self._fits(user):
                    named.setdefault(user, source)
                elif user.lower() != "anonymous":
                    spoke = spoke or source
        if not named and "remote-party-id" in self._sources and isinstance(message, Response):
            named = {user: "remote-party-id" for user in _reached(message) if self._is_reached(user)}
        return named, spoke

    def _is_reached(self, user: str) -> bool:
        return user not in self._memory.others and self._fits(user)

    def _fits(self, user: str) -> bool:
        if not user or len(user) > LONGEST or not user.isprintable():
            return False
        if self._pattern is not None:
            return self._pattern.fullmatch(user) is not None
        if self._knows(user):
            return True
        return user.isascii() and user.isdigit() and len(user) in _SHORT and user not in self._memory.others


def _party(address: NameAddr) -> str:
    return (address.params.get("party") or "").lower()


def _reached(response: Response) -> Iterator[str]:
    """Person whom a response calls "calling": our own caller (draft, §9.1), or by FreeSWITCH whom it has reached."""
    with suppress(PeerError):
        for value in response.headers.values("remote-party-id")[:_MOST_VALUES]:
            address = NameAddr.parse(value)
            if _party(address) == "calling":
                yield address.user


def _users(message: Message, source: str) -> Iterator[str]:
    """The numbers or names that a header gives the other side."""
    try:
        match source:
            case "p-asserted-identity":
                for value in message.headers.values(source)[:_MOST_VALUES]:
                    yield NameAddr.parse(value).user
            case "remote-party-id":
                # In a response "calling" is our own caller. In a request both words are in use for its sender: the
                # draft means the request's parties, Asterisk and others those of the whole call.
                calling = isinstance(message, Response)
                for value in message.headers.values(source)[:_MOST_VALUES]:
                    address = NameAddr.parse(value)
                    if not (calling and _party(address) == "calling"):
                        yield address.user
            case "contact":
                if (contact := message.contact) is not None:
                    yield contact.user
            case "to" if isinstance(message, Response):
                yield message.to.user
            case "from" if isinstance(message, Request):
                yield message.from_.user
    except PeerError:
        return  # a header that cannot be read names nobody
