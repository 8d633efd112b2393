"""The carrier over an SMS service's HTTP interface. Does I/O through aiohttp.

What could not be sent because no connection came about is tried again. What was sent and got no answer may be on its
way: it is sent again only where the service knows it by its id.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import aiohttp
from yarl import URL

from splitter import __version__
from splitter.core.clock import Clock
from splitter.core.errors import LocalError
from splitter.core.ids import IdSource
from splitter.core.pauses import retry_after_s
from splitter.sms.answers import MOST_BYTES, attempted
from splitter.sms.message import Attempted, InDoubt, Sms, TryAgain, TurnedDown
from splitter.sms.settings import HttpSmsSettings
from splitter.sms.signing import read_step, signed
from splitter.sms.template import Escape, Value, escape_of, fill, percent

GIVEN = ("number", "text", "link", "code", "id", "source", "key", "secret", "receipt", "seconds", "nonce")
"""What every template may name; `sign` sees {body} and {query} as well."""


@dataclass(frozen=True, slots=True)
class SmsRequest:
    """A request, ready to be sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def request_of(settings: HttpSmsSettings, sms: Sms, nonce: str, wall: float, receipt: str = "") -> SmsRequest:
    """Fill the templates. Pure.

    Raises:
        LocalError: a name has no value, or a value would break a header.
    """
    values: dict[str, Value] = {
        "number": sms.number,
        "text": sms.text,
        "link": sms.link,
        "code": sms.code,
        "id": sms.id,
        "source": settings.source,
        "key": settings.key,
        "secret": settings.secret,
        "receipt": receipt,
        "seconds": str(int(wall)),
        "nonce": nonce,
    }
    content_type = next((line for line in settings.headers if line.lower().startswith("content-type:")), "")
    steps = [read_step(text) for text in settings.sign]
    # What names the time may be signed as well as told: steps that need nothing of the request come before it.
    early = [step for step in steps if step.function == "time"]
    values = signed(early, values, wall)
    body = fill(settings.body, values, escape_of(content_type.partition(":")[2]))
    if settings.method == "GET":
        body = ""
    values |= {"body": body, "query": _query(settings, values)}
    values = signed(steps, values, wall)
    url = fill(settings.url, values, Escape.PERCENT)
    if settings.query and "{query" not in settings.url:
        url += f"{'&' if '?' in url else '?'}{values['query']!s}"
    headers = []
    for line in settings.headers:
        name, _, text = line.partition(":")
        value = fill(text, values).strip()
        if "\n" in value or "\r" in value:
            raise LocalError(f"the header {name} would have several lines")
        headers.append((name, value))
    return SmsRequest(settings.method, url, tuple(headers), body.encode())


def _query(settings: HttpSmsSettings, values: dict[str, Value]) -> str:
    """The parameters, sorted by name and percent-encoded."""
    pairs = (pair.partition("=") for pair in settings.query)
    filled = [(percent(name), percent(fill(value, values))) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(filled))


class HttpCarrier:
    """One SMS service over HTTP.

    Args:
        receipts: where our API is reached from outside, for {receipt}; empty for nowhere.
    """

    def __init__(self, settings: HttpSmsSettings, clock: Clock, ids: IdSource, receipts: str = "") -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        key = settings.receipt_key
        self._receipts = f"{receipts}/v1/sms/{settings.name}/receipts/{key}" if receipts and key else ""
        self._session: aiohttp.ClientSession | None = None
        self.alarm = ""

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def repeats(self) -> bool:
        return self._settings.repeats

    async def start(self) -> None:
        """Nothing: the first message opens the connection."""

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, sms: Sms) -> Attempted:
        """Make one attempt."""
        try:
            nonce = self._ids.tag() + self._ids.tag()
            request = request_of(self._settings, sms, nonce, self._clock.wall(), self._receipts)
            session = self._opened()
        except LocalError as error:
            return TurnedDown(f"the request cannot be written: {error}")
        except OSError as error:
            return self._down(TryAgain(f"ca {self._settings.ca} cannot be used: {error.strerror or error}", all=True))
        try:
            # No redirects: numbers and links go where the operator said, and nowhere else.
            async with session.request(
                request.method,
                URL(request.url, encoded=True),  # as it was signed
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                body = await _read(response.content)
                wait_s = retry_after_s(response.headers.get("Retry-After"), wall=self._clock.wall()) or 0.0
        except aiohttp.ConnectionTimeoutError:
            return self._down(TryAgain("no connection in time", all=True))
        except aiohttp.ClientConnectorError as error:
            return self._down(TryAgain(f"no connection: {error.os_error.strerror or error.os_error}", all=True))
        except TimeoutError:
            return self._down(InDoubt(f"no answer in {self._settings.timeout_s:g} s"))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._down(InDoubt(f"{type(error).__name__} before its answer had come"))
        outcome = attempted(self._settings, response.status, body, wait_s)
        return self._down(outcome) if response.status >= 500 else self._up(outcome)

    @staticmethod
    async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send it once: aiohttp repeats GET and PUT after errors of these kinds, and a message would arrive twice."""
        try:
            return await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise aiohttp.ClientError(str(error)) from error

    def _opened(self) -> aiohttp.ClientSession:
        """The session of all messages. Raises OSError where the authorities cannot be read."""
        if self._session is None:
            settings = self._settings
            tls = ssl.create_default_context(cafile=settings.ca) if settings.ca else True
            self._session = aiohttp.ClientSession(
                middlewares=(self._once,),
                # A connection for each: aiohttp repeats any request where an old one has just closed.
                connector=aiohttp.TCPConnector(limit=settings.window, ssl=tls, force_close=True),
                # Resolving the name included: as long as nothing was sent, it may be sent again.
                timeout=aiohttp.ClientTimeout(
                    total=settings.timeout_s, connect=settings.timeout_s / 2, sock_connect=settings.timeout_s / 2
                ),
                headers={"User-Agent": f"splitter/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _down(self, outcome: Attempted) -> Attempted:
        self.alarm = f"the SMS service {self.name} does not work: {getattr(outcome, 'reason', '')}"
        return outcome

    def _up(self, outcome: Attempted) -> Attempted:
        self.alarm = ""
        return outcome


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The beginning of an answer: what is longer is no answer that we could read."""
    body = b""
    while len(body) < MOST_BYTES and (piece := await content.read(MOST_BYTES)):
        body += piece
    return body[:MOST_BYTES]
