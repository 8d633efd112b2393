"""Codes of authenticator apps that were used at any gateway of a cluster: each is good once (RFC 6238 §5.2).

Does I/O on a thread of its own. Where Valkey is away each gateway remembers its own alone, and people log in all the
same: whoever finds it away waits for it, and those who come soon after do not.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog

from splitter.cluster.keys import ClusterKeys
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Script, Valkey, ValkeyError

KEPT_S = 300  # a code is good for a minute and a half, by clocks that may differ
REST_S = 10.0  # so long a Valkey that did not answer is not asked: a host that is off costs seconds at each login

log = structlog.get_logger(__name__)

_CLAIM = Script("""
local used = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) <= used then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
""")


class SharedCodes:
    """The codes that were used, by all gateways of a cluster."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._keys = ClusterKeys(settings.prefix)
        self._valkey = Valkey(settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="used codes")  # starts with its first code
        self._turn = asyncio.Lock()
        self._away_until = 0.0

    async def claim(self, user: str, step: int) -> bool:
        """Use the code of this step; False where this one, or one after it, was used already at any gateway."""
        loop, key = asyncio.get_running_loop(), self._keys.code(user)
        async with self._turn:
            if loop.time() < self._away_until:
                return True
            try:
                said = await loop.run_in_executor(self._thread, self._valkey.run, _CLAIM, [key], [step, KEPT_S])
            except ValkeyError as error:
                self._away_until = loop.time() + REST_S
                log.warning("used codes are remembered by this gateway alone for now", reason=str(error))
                return True
        return bool(said)
