"""How often logins may fail, at the API and of SIP seats, before the next one has to wait. Pure: time is an argument.

What is counted is the user together with the source: whoever guesses at an account keeps itself out, and not the one
whose account it is. A source that fails with many users has to wait as well, but for users who have logged in from
there before: behind NAT or a proxy a whole floor of desks is one source.
"""

from __future__ import annotations

from collections import OrderedDict

from splitter.core.limits import KeyedBuckets

USER_FAILURES, USER_FADE_S = 10, 60.0  # of one user from one source
SOURCE_FAILURES, SOURCE_FADE_S = 50, 5.0
_MOST_KNOWN = 10_000


class LoginLimits:
    """The recent failures, and who has proved to be somebody where. Sources are as `core.net.source_of` names them."""

    def __init__(self) -> None:
        self._users = KeyedBuckets(USER_FAILURES, USER_FADE_S)
        self._sources = KeyedBuckets(SOURCE_FAILURES, SOURCE_FADE_S)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, user: str, source: str, now: float) -> float:
        """How long this login has to wait, whether its password is right or wrong; 0 for not at all."""
        own_s = self._users.wait_s((user, source), now)
        return own_s if (user, source) in self._known else max(own_s, self._sources.wait_s(source, now))

    def failed(self, user: str, source: str, now: float) -> None:
        """Count a failed login: no such user, or not its password."""
        self._users.spend((user, source), now)
        self._sources.spend(source, now)

    def succeeded(self, user: str, source: str) -> None:
        """The password was right: what failed before was a slip of the fingers."""
        self._users.refill((user, source))
        self._known[user, source] = None
        self._known.move_to_end((user, source))
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
