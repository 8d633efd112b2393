"""Which text a caller gets: by the number that was called, and by language. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from splitter.sms.settings import LINK, SmsSettings, SmsText

BUILT_IN = {
    "en": f"Stay on the phone and open this to show what you see: {LINK}",
    "zh": f"请勿挂断，点开链接即可视频：{LINK}",
}
FOR_EXPERTS = {
    "en": f"You are asked to join a phone call by video. Open this: {LINK}",
    "zh": f"邀请您视频参与通话，请点开链接：{LINK}",
}


def wording(settings: SmsSettings, called: str, language: str = "", *, expert: bool = False) -> str:
    """The text, with its place for the link.

    Args:
        language: that is asked for; empty for the one that is configured.
        expert: it is for somebody else than the caller, to whom no text of the configuration speaks.
    """
    wanted = language or settings.language
    if expert:
        return FOR_EXPERTS[wanted]
    fitting = [text for text in settings.texts if text.called.fullmatch(called)]
    found = _of_language(fitting, wanted) or _of_language(fitting, "") or next(iter(fitting), None)
    return found.text if found is not None else BUILT_IN[wanted]


def written(text: str, link: str) -> str:
    """The message as it is sent."""
    return text.replace(LINK, link)


def number_for(settings: SmsSettings, number: str) -> str:
    """The number as the carrier is told it; empty for one that can be sent nothing."""
    match = settings.number.fullmatch(number)
    if match is None:
        return ""
    return match.expand(settings.number_as) if settings.number_as else number


def _of_language(texts: Iterable[SmsText], language: str) -> SmsText | None:
    return next((text for text in texts if text.language == language), None)
