"""Settings of web callers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem, optional, suggest
from splitter.sdp.webvoice import VOICES

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


def _parse_codec(text: str) -> str:
    found = next((name for name in VOICES if name.lower() == text.lower()), None)
    if found is None:
        raise ValueProblem(f'"{text}" is no codec of web calls', suggest(text, VOICES))
    return found


def _parse_origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text.lower()):
        raise ValueProblem(f'"{text}" is no origin', "write scheme and host, such as https://shop.example.com")
    return text.lower()


def _parse_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueProblem(f'"{text}" is no URL', "write it with https://")
    return text


@dataclass(frozen=True, slots=True)
class WebCallSettings:
    """Bounds on calls from browsers."""

    trunk: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """The trunk of role "web" that such calls come by: its network, its limits, its name in lists. Empty: browsers
    cannot call. What they may call are the routes with from = "web", and nothing else."""
    origins: Annotated[tuple[str, ...], Key(parse=_parse_origin, taken=Uptake.LIVE)] = ()
    """Sites whose pages may call, such as "https://shop.example.com"; our own page may in any case. Those that call by
    SIP are named in `web_origins` of the network."""
    anonymous: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Whether somebody may call without a token of yours. Tokens are made by POST /v1/web/tokens (scope web), or by
    `splitter token --web`, for one customer each."""
    captcha_url: Annotated[str, Key(parse=optional(_parse_url), taken=Uptake.LIVE)] = ""
    """Callers without a token send an answer to your captcha; it is posted here as the form fields secret, response and
    remoteip, and is good where the answer is JSON with "success": true (as hCaptcha, reCAPTCHA and Turnstile do it)."""
    captcha_secret: Annotated[str, Key(secret=True, taken=Uptake.LIVE)] = ""
    codecs: Annotated[tuple[str, ...], Key(parse=_parse_codec, unique=True, filled=True, taken=Uptake.LIVE)] = (
        "PCMA",
        "PCMU",
    )
    """Codecs of the voice, the preferred one first: PCMA, PCMU, G722, opus. They go straight through to a centre that
    speaks them. Where opus comes first and the centre speaks G.711, it is transcoded: the voice then outlives a bad
    network, at about 1 % of a core for each call."""
    calls_per_address: Annotated[int, Key(1, 1000, taken=Uptake.LIVE)] = 3
    """The most calls at a time, and new ones in a minute, from one address (of IPv6: from one /64, and four times as
    many from the /56 around it). The limits of all together are those of the trunk."""
    calls_per_minute: Annotated[int, Key(1, 1000, taken=Uptake.LIVE)] = 6
    return_limit_s: Annotated[float, Key(2, 120, taken=Uptake.LIVE)] = 12.0
    """How long a browser may be gone (its tab closed, reloaded, its network changed) before its call is ended."""
    token_lifetime_s: Annotated[int, Key(60, 86_400, taken=Uptake.LIVE)] = 900
    """How long a token lets its customer begin a call, unless its maker says otherwise."""
