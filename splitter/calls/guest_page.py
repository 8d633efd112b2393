"""Settings of the guests' page: whose it is, and what its user agrees to. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem, optional
from splitter.core.uploads import UploadKind

_LONGEST_NAME, _LONGEST_TEXT = 60, 400


def _parse_name(text: str) -> str:
    if len(text) > _LONGEST_NAME or not text.isprintable():
        raise ValueProblem("is no name", f"write at most {_LONGEST_NAME} letters in one line")
    return text


def _parse_text(text: str) -> str:
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise ValueProblem("is no text for a small page", f"write at most {_LONGEST_TEXT} letters in one line")
    return text


def _parse_url(text: str) -> str:
    if not re.fullmatch(r"https://[^\s/<>\"]+(/[^\s<>\"]*)?", text):
        raise ValueProblem(f'"{text[:80]}" is no address of a page', 'write it such as "https://example.com/privacy"')
    return text


def _parse_version(text: str) -> str:
    if not re.fullmatch(r"[\w.-]{1,40}", text, re.ASCII):
        raise ValueProblem(f'"{text[:80]}" is no version', 'write up to 40 letters, such as "2026-05"')
    return text


@dataclass(frozen=True, slots=True)
class GuestPageSettings:
    """The page behind a link, as far as it is the operator's own."""

    name: Annotated[str, Key(parse=optional(_parse_name), taken=Uptake.LIVE)] = ""
    """Who invites, as callers know you; it stands over the words "Show what you see". `name_zh` for those who read
    Chinese, where it is another one."""
    name_zh: Annotated[str, Key(parse=optional(_parse_name), taken=Uptake.LIVE)] = ""
    logo: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """A small image over the name: PNG, JPEG, WebP or SVG, at most 100 kB; callers wait for it on a phone's network."""
    text: Annotated[str, Key(parse=optional(_parse_text), taken=Uptake.LIVE)] = ""
    """A sentence or two of yours before the camera is started, such as what the video is used for, or whether it is
    recorded; `text_zh` in Chinese."""
    text_zh: Annotated[str, Key(parse=optional(_parse_text), taken=Uptake.LIVE)] = ""
    privacy_url: Annotated[str, Key(parse=optional(_parse_url), taken=Uptake.LIVE)] = ""
    """Your page on privacy; a link beneath that text leads there."""
    consent: Annotated[str, Key(parse=optional(_parse_version), taken=Uptake.LIVE)] = ""
    """The version of what callers agree to, such as "2026-05". Where it is set they have to tick that they agree before
    the camera starts, and nobody is let in without; the call's record and trace keep version and time. Empty: they are
    not asked."""
    rating: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """Whether callers are asked at the end how it was, 1 to 5."""
    files: Annotated[tuple[UploadKind, ...], Key(unique=True, taken=Uptake.LIVE)] = (UploadKind.PHOTO,)
    """What callers may send to the desk: "photo" (decoded and written anew) and "pdf". A PDF reaches the agent as it
    came, unchecked: let the agents' machines have a reader that is safe and up to date. Empty: nothing."""
