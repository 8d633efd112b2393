"""Asks a captcha service whether an answer is good. Does I/O.

reCAPTCHA, hCaptcha and Turnstile have the same protocol. What does not answer, or says anything but "success": true,
is taken for a no.
"""

from __future__ import annotations

import aiohttp
import msgspec
import structlog

from splitter.core.errors import UNREADABLE

LIMIT_S = 5.0
_MOST_BYTES = 65_536

log = structlog.get_logger(__name__)


class _Verdict(msgspec.Struct):
    success: bool = False


async def is_human(url: str, secret: str, response: str, source: str) -> bool:
    """Post an answer to the service at `url`, with the address that it came from."""
    form = {"secret": secret, "response": response, "remoteip": source}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as session,
            session.post(url, data=form, allow_redirects=False) as answer,
        ):
            body = b""
            while len(body) < _MOST_BYTES and (piece := await answer.content.read(_MOST_BYTES)):
                body += piece
            if answer.status != 200:
                log.warning("the captcha service did not answer", status=answer.status)
                return False
        return msgspec.json.decode(body, type=_Verdict).success
    except (aiohttp.ClientError, OSError, TimeoutError, *UNREADABLE) as error:
        log.warning("the captcha service did not answer", reason=f"{type(error).__name__}: {error}"[:200])
        return False
