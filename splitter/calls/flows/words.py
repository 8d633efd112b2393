"""Offers in the words of the trace. Pure."""

from __future__ import annotations

from splitter.sdp.model import Session
from splitter.sdp.split import Plan


def wish_in_words(offer: Session, index: int) -> str:
    """Say in plain words what the audio of an offer wants."""
    wishes = {"sendonly": "hold", "inactive": "hold without music", "recvonly": "listen only", "sendrecv": "talk"}
    return wishes[offer.flow_of(index)]


def video_news(old: Plan | None, new: Plan) -> str:
    """Say what a re-offer of the caller, which we answer ourselves, changes in its video."""
    had, has = old is not None and old.video is not None, new.video is not None
    if had and not has:
        return "re-INVITE absorbed: the caller dropped video; the voice goes on"
    if has and not had:
        return "re-INVITE absorbed: the caller added video"
    return "re-INVITE absorbed: nothing in it concerns the centre"
