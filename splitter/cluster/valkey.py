"""One connection to Valkey, and what can be wrong with it in plain words. Does I/O, and waits: for threads alone.

Each thread has a `Valkey` of its own, so that a slow write of records does not hold up the lease. Nothing is tried
twice here: whoever asks knows better when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha1
from pathlib import Path
from ssl import SSLCertVerificationError
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from splitter.cluster.settings import ClusterSettings
from splitter.core.errors import SplitterError

SLOW_S = 2.0
_CONNECT_S = 1.0
_SENTINEL_PORT = 26379


class ValkeyFault(StrEnum):
    """Kinds of what may be wrong with a Valkey."""

    DOWN = "down"
    PASSWORD = "password"
    FULL = "full"
    SLOW = "slow"
    READ_ONLY = "read-only"
    UNTRUSTED = "untrusted"
    REFUSED = "refused"  # it says no for another reason


_WORDS = {
    ValkeyFault.DOWN: "Valkey cannot be reached",
    ValkeyFault.PASSWORD: "Valkey does not believe our user or password, or its ACL forbids what we need",
    ValkeyFault.FULL: "Valkey is out of memory (maxmemory)",
    ValkeyFault.SLOW: "Valkey does not answer in time",
    ValkeyFault.READ_ONLY: "Valkey is a replica that takes no writes",
    ValkeyFault.UNTRUSTED: "the certificate that Valkey shows is not signed by [cluster] ca, or names another host",
    ValkeyFault.REFUSED: "Valkey refuses what we ask for",
}


class ValkeyError(SplitterError):
    """Valkey could not do what was asked.

    Attributes:
        fault: of which kind.
    """

    def __init__(self, fault: ValkeyFault, detail: str) -> None:
        super().__init__(f"{_WORDS[fault]}: {detail}" if detail else _WORDS[fault])
        self.fault = fault


@dataclass(frozen=True)
class Script:
    """A Lua script, which Valkey runs as one step."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", sha1(self.text.encode(), usedforsecurity=False).hexdigest())


class Valkey:
    """A connection that opens when it is needed: to the first of the addresses that takes writes, or to whom the
    Sentinels call the primary.

    Args:
        limit_s: the bound on each answer.
    """

    def __init__(self, settings: ClusterSettings, limit_s: float = SLOW_S) -> None:
        self._settings = settings
        self._limit_s = limit_s
        self._client: Any = None

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Run a script.

        Raises:
            ValkeyError: it was not run, or nobody knows whether it was.
        """
        try:
            return self._do("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except _UnknownScript:
            return self._do("EVAL", script.text, len(keys), *keys, *arguments)

    def command(self, *words: str | bytes | int) -> Any:
        """Send one command; replies are bytes, numbers and lists of them. Raises as `run`."""
        return self._do(*words)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _do(self, *words: str | bytes | int) -> Any:
        import redis

        try:
            if self._client is None:
                self._client = self._connect(redis)
            return self._client.execute_command(*words)
        except redis.exceptions.NoScriptError as error:
            raise _UnknownScript from error
        except (redis.RedisError, OSError, ValueError) as error:
            if not isinstance(error, redis.exceptions.OutOfMemoryError):
                self.close()
            raise ValkeyError(_fault(redis, error), str(error)) from error
        except ValkeyError:
            self.close()
            raise

    def _connect(self, redis: ModuleType) -> Any:
        """The first of the addresses that is a primary; where none is, what is wrong with the last."""
        wrong: Exception = ValkeyError(ValkeyFault.DOWN, "no address is configured")
        for url in self._primaries(redis):
            try:
                client = redis.Redis.from_url(url, **self._options(redis, url))
                client.response_callbacks.clear()  # replies as they come, whatever the command
                if _is_primary(redis, client):
                    return client
                wrong = ValkeyError(ValkeyFault.READ_ONLY, url)
                client.close()
            except (redis.RedisError, OSError) as error:
                wrong = ValkeyError(_fault(redis, error), f"{url}: {error}")
        raise wrong

    def _primaries(self, redis: ModuleType) -> Sequence[str]:
        """Where to look: what is configured, or what the first Sentinel says that answers and knows."""
        settings = self._settings
        if not settings.sentinel:
            return settings.valkey
        places = [urlsplit(url) for url in settings.valkey]
        options = self._options(redis, settings.valkey[0]) | {"username": None, "password": None}
        if settings.sentinel_password_file:
            options["password"] = _read(settings.sentinel_password_file)
        options["ssl"] = places[0].scheme == "rediss"
        known = redis.Sentinel(
            [(place.hostname, place.port or _SENTINEL_PORT) for place in places], sentinel_kwargs=options
        )
        try:
            host, port = known.discover_master(settings.sentinel)
        except redis.sentinel.MasterNotFoundError as error:
            if "AuthenticationError" in str(error):  # it tells what was wrong with each in words alone
                raise ValkeyError(ValkeyFault.PASSWORD, f"Sentinel: {error}") from error
            raise
        finally:
            for one in known.sentinels:
                one.close()
        name = f"[{host}]" if ":" in host else host
        return (f"{places[0].scheme}://{name}:{port}{places[0].path}",)

    def _options(self, redis: ModuleType, url: str) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "socket_timeout": self._limit_s,
            "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            "single_connection_client": True,
            "protocol": 2,
        }
        if not url.startswith("unix:"):
            options |= {"socket_connect_timeout": min(self._limit_s, _CONNECT_S), "socket_keepalive": True}
        if settings.user:
            options["username"] = settings.user
        if settings.password_file:
            options["password"] = _read(settings.password_file)
        if url.startswith("rediss:"):
            named = {"ssl_ca_certs": settings.ca, "ssl_certfile": settings.certificate, "ssl_keyfile": settings.key}
            options |= {name: path for name, path in named.items() if path}
        return options


def _read(password_file: str) -> str:
    try:
        return Path(password_file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValkeyError(ValkeyFault.PASSWORD, f"the file of the password cannot be read: {error}") from error


class _UnknownScript(Exception):
    """Valkey has not seen the script yet, or was restarted."""


def _is_primary(redis: ModuleType, client: Any) -> bool:
    try:
        return bool(client.execute_command("ROLE")[0] == b"master")
    except redis.exceptions.NoPermissionError:
        return True  # its ACL hides what it is; a replica will say so when it is written to


def _fault(redis: ModuleType, error: Exception) -> ValkeyFault:
    found = redis.exceptions
    kinds = (
        ((found.AuthenticationError, found.AuthorizationError, found.NoPermissionError), ValkeyFault.PASSWORD),
        (found.AuthenticationWrongNumberOfArgsError, ValkeyFault.PASSWORD),
        (found.OutOfMemoryError, ValkeyFault.FULL),
        (found.ReadOnlyError, ValkeyFault.READ_ONLY),
        ((found.TimeoutError, TimeoutError), ValkeyFault.SLOW),
        (found.ResponseError, ValkeyFault.REFUSED),
    )
    if any(isinstance(one, SSLCertVerificationError) for one in (error, error.__cause__, error.__context__)):
        return ValkeyFault.UNTRUSTED
    return next((fault for kind, fault in kinds if isinstance(error, kind)), ValkeyFault.DOWN)
