"""Tokens that hold no longer although they have not expired. Does I/O: a small file beside the store.

A token of ours is kept nowhere (see `bearer`), so what is kept is which ones are no longer believed: one by its id, or
all that were made for a name or an extension until now. Tokens of the configuration are told by their hashes: a new
token of the same name holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from splitter.calls.logins.access import Token
from splitter.core.clock import Clock
from splitter.core.errors import UNREADABLE
from splitter.core.whole import write_whole
from splitter.web.access.bearer import ID_LETTERS, Bearer, certificate_id, configured_bearer, id_of, is_minted

KEPT_S = 31 * 86_400.0  # no token of ours lasts longer
_MOST = 20_000
_LONGEST_NAME = 32  # of a login, an extension or a token of the configuration, and of an id

log = structlog.get_logger(__name__)

RevocationWatcher = Callable[[], None]


class _Kept(msgspec.Struct):
    """The file. Times are Unix seconds: since when; for `names`, up to when tokens were made that hold no longer."""

    ids: dict[str, float] = {}
    names: dict[str, float] = {}
    configured: dict[str, float] = {}


def _id(token: Token) -> str:
    return token.sha256[:ID_LETTERS] or certificate_id(token.certificate)


def _bearers(tokens: Iterable[Token]) -> dict[str, Bearer]:
    """Everybody whom these tokens let in, by the token's id."""
    found = [configured_bearer(token) for token in tokens if token.sha256]
    found += [configured_bearer(token, certified=True) for token in tokens if token.certificate]
    return {bearer.token_id: bearer for bearer in found}


class Revocations:
    """The tokens and names that are revoked.

    Args:
        path: of the file; None keeps nothing over a restart.
        tokens: of the configuration.
        logins: the mark of each account by its user (`bearer.login_mark`); None where they are not known.
    """

    def __init__(
        self, path: Path | None, tokens: Iterable[Token], clock: Clock, logins: Mapping[str, str] | None = None
    ) -> None:
        self._path = path
        self._tokens = tuple(tokens)
        self._logins = logins
        self._configured = _bearers(self._tokens)
        self._gone: set[str] = set()  # ids of tokens of a former configuration: who has a socket open lets go of it
        self._clock = clock
        self._watchers: list[RevocationWatcher] = []
        self._writing = asyncio.Lock()
        self._lost = ""  # what was kept before can no longer be read
        self._unkept = ""  # what is revoked now cannot be written
        self._kept = self._read()

    @property
    def alarm(self) -> str:
        """Why what is revoked is not remembered; empty while it is."""
        return "; ".join(fault for fault in (self._lost, self._unkept) if fault)

    def holds(self, bearer: Bearer) -> bool:
        """True for a bearer that must no longer be believed."""
        kept = self._kept
        if bearer.login and self._logins is not None and self._logins.get(bearer.name) != bearer.login:
            return True
        if self._is_gone(bearer):
            return True
        if bearer.token_id in kept.ids or bearer.token_id in kept.configured:
            return True
        if bearer.made_at is None:
            return False
        until = max(kept.names.get(bearer.name, -1.0), kept.names.get(bearer.extension or bearer.name, -1.0))
        return bearer.made_at <= until

    def watch(self, watcher: RevocationWatcher) -> None:
        """Call this whenever something was revoked: who holds what must let go of it."""
        self._watchers.append(watcher)

    def adopt(self, tokens: Iterable[Token], logins: Mapping[str, str]) -> None:
        """Believe these from now on: who holds a token, or a login, that is no longer configured so has to let go."""
        former, self._tokens, self._logins = self._configured, tuple(tokens), logins
        self._configured = _bearers(self._tokens)
        self._gone = (self._gone | former.keys()) - self._configured.keys()
        self._tell()

    async def revoke(self, what: str) -> bool:
        """Revoke these tokens, from now on and after a restart.

        Args:
            what: a token, its id, or a name: of a [[token]], a login or an extension.
        Returns: whether it will be remembered.
        """
        wall = self._clock.wall()
        hashed = id_of(what)
        configured = [token for token in self._tokens if what == token.name or _id(token) in (what, hashed)]
        for token in configured:  # they never expire, so that this is never forgotten
            self._kept.configured[_id(token)] = wall
        if is_minted(what):
            self._kept.ids[hashed] = wall
        elif len(what) == ID_LETTERS and not set(what) - set("0123456789abcdef"):
            self._kept.ids[what] = wall
        elif not configured or any(token.name == what for token in configured):
            self._kept.names[what] = wall
        self._forget(wall)
        # What is as long as a token may be one, be it cut or mistyped: its secret has no place in a log.
        log.warning("tokens revoked", what=what if len(what) <= _LONGEST_NAME else f"the token {hashed}")
        self._tell()
        async with self._writing:
            await asyncio.to_thread(self._write, msgspec.json.encode(self._kept))
        return not self._unkept and self._path is not None

    def _is_gone(self, bearer: Bearer) -> bool:
        """True for a token of the configuration that has been taken out, or may do something else by now."""
        if bearer.made_at is not None or not bearer.token_id:
            return False
        now = self._configured.get(bearer.token_id)
        if now is None:
            return bearer.token_id in self._gone
        return bool(bearer.scopes) and bearer != now  # of a party of a call the scopes are not known

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def _forget(self, wall: float) -> None:
        """What has expired by now need not be remembered; nor more than a bounded number, the oldest ones first."""
        for table in (self._kept.ids, self._kept.names):
            for key in [key for key, at in table.items() if wall - at > KEPT_S]:
                del table[key]
            while len(table) > _MOST:
                del table[min(table, key=table.__getitem__)]

    def _read(self) -> _Kept:
        if self._path is None:
            return _Kept()
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return _Kept()
        except (OSError, *UNREADABLE) as error:
            self._lost = f"revoked tokens are believed again: {self._path} cannot be read: {error}"
            log.error("revoked tokens are believed again", path=str(self._path), error=str(error))
            with suppress(OSError):
                self._path.replace(self._path.with_name(f"{self._path.name}.bad"))
            return _Kept()

    def _write(self, data: bytes) -> None:
        """Whole or not at all."""
        if self._path is None:
            return
        try:
            write_whole(self._path, data)
        except OSError as error:
            self._unkept = f"revoked tokens are believed again after a restart: {self._path}: {error.strerror or error}"
            log.error("a revocation is not kept", path=str(self._path), error=str(error))
        else:
            self._unkept = ""
