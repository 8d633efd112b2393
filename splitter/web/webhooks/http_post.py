"""The way to a webhook: a signed POST. Does I/O through aiohttp.

2xx takes a delivery; 408, 425, 429, 5xx, no answer or a late one are worth another attempt; any other answer is a
refusal. Headers: Splitter-Signature (see `signature`), Splitter-Delivery (the same for every attempt of one delivery),
Splitter-Event (the type that the body says).
"""

from __future__ import annotations

import ssl

import aiohttp
import msgspec

from splitter import __version__
from splitter.calls.webhook import Webhook
from splitter.core.clock import Clock
from splitter.core.errors import UNREADABLE
from splitter.core.pauses import retry_after_s
from splitter.store.outbox import Delivery
from splitter.web.webhooks.delivery import Fate, Receipt
from splitter.web.webhooks.signature import HEADER, sign

_AGAIN = frozenset({408, 425, 429})


class HttpPost:
    """One webhook's URL. It makes one request at a time, over a connection that stays open."""

    def __init__(self, hook: Webhook, clock: Clock) -> None:
        self._hook = hook
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        """The session of all deliveries. Raises OSError (ssl.SSLError is one) where the authorities cannot be read."""
        if self._session is not None:
            return self._session
        hook = self._hook
        tls = ssl.create_default_context(cafile=hook.ca) if hook.ca else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, ssl=tls),
            timeout=aiohttp.ClientTimeout(total=hook.timeout_s),
            headers={"Content-Type": "application/json", "User-Agent": f"splitter/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self._session

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def deliver(self, row: Delivery) -> Receipt:
        """Make one attempt."""
        try:
            event = msgspec.json.decode(row.body, type=_Event).type
        except UNREADABLE as error:  # the outbox is a file: what became of it must not hold up the others
            return Receipt(Fate.REFUSED, f"what was kept is no event: {error}")
        headers = {
            HEADER: sign(self._hook.secret, row.body, self._clock.wall()),
            "Splitter-Delivery": row.id,
            "Splitter-Event": event,
        }
        try:
            session = self._opened()
        except OSError as error:  # it could be read when the gateway started; somebody will mend it
            return Receipt(None, f"ca {self._hook.ca} cannot be used: {error.strerror or error}")
        try:
            # No redirects: a signed body goes where the operator said, and nowhere else.
            async with session.post(self._hook.url, data=row.body, headers=headers, allow_redirects=False) as response:
                return self._receipt(response)
        except TimeoutError:
            return Receipt(None, f"no answer in {self._hook.timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Receipt(None, f"{type(error).__name__}: {error}"[:200])

    def _receipt(self, response: aiohttp.ClientResponse) -> Receipt:
        status, said = response.status, f"{response.status} {response.reason}"
        if 200 <= status < 300:
            return Receipt(Fate.DELIVERED, said)
        if status < 500 and status not in _AGAIN:
            return Receipt(Fate.REFUSED, said)
        wait_s = retry_after_s(response.headers.get("Retry-After"), wall=self._clock.wall())
        return Receipt(None, said, wait_s or 0.0)


class _Event(msgspec.Struct):
    type: str
