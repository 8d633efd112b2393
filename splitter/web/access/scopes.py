"""Which scopes the API's operations need: sets that several of them share. One scope of a set is enough."""

from __future__ import annotations

from splitter.calls.logins.access import Scope

EVERYBODY: frozenset[Scope] = frozenset()
READ = frozenset({Scope.READ, Scope.CONTROL})
SEE = READ | {Scope.DESK}
ACT = frozenset({Scope.CONTROL, Scope.DESK})
JOIN = frozenset({Scope.DESK, Scope.GUEST})
LEAVE = ACT | {Scope.GUEST}
PICTURES = frozenset({Scope.PICTURES, Scope.DESK})
SEE_PICTURES = PICTURES | READ
LISTEN = frozenset({Scope.CONTROL, Scope.SUPERVISE})
HEAR = ACT | LISTEN
LISTEN_LATER = frozenset({Scope.RECORDINGS, Scope.OWN_RECORDINGS})
CONTROL = frozenset({Scope.CONTROL})
ADMIN = frozenset({Scope.ADMIN})
