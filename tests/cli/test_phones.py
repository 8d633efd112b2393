"""splitter invite --phone, remove, mute: what the console can do, from the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splitter.calls.asks import Denial, InvitePhone, MuteVoice, PhoneInvited, RemovePhone, SetPhoneVideo
from splitter.calls.states import PhonePart, PhoneState
from splitter.calls.view import PhoneView
from tests.cli.kit import served
from tests.web.kit import CALL


async def test_calls_a_phone_mutes_it_and_takes_it_out(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[InvitePhone] = PhoneInvited("phone-1")
        made = await command("invite", "4711", "--phone", "8002", "--part", "listens")
        assert made.exit_code == 0 and "8002 is being called as phone-1" in made.stdout
        assert "nobody hears phone-1" in (await command("mute", "4711", "phone-1")).stdout
        assert "phone-1 is heard again" in (await command("mute", "4711", "phone-1", "--off")).stdout
        assert "phone-1 is removed" in (await command("remove", "4711", "phone-1")).stdout
        invited, muted, heard, removed = (ask for _, ask in parts.calls.asked)
        assert isinstance(invited, InvitePhone) and invited.part is PhonePart.LISTENS
        assert isinstance(muted, MuteVoice) and muted.muted
        assert isinstance(heard, MuteVoice) and not heard.muted
        assert isinstance(removed, RemovePhone)


async def test_calls_a_phone_with_video_asks_it_later_and_goes_back_to_voice(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[InvitePhone] = PhoneInvited("phone-1")
        assert (await command("invite", "4711", "--phone", "13900001111", "--video")).exit_code == 0
        assert "phone-1 is asked for video" in (await command("raise", "4711", "phone-1")).stdout
        assert "phone-1 goes back to voice" in (await command("drop", "4711", "phone-1")).stdout
        invited, asked, dropped = (ask for _, ask in parts.calls.asked)
        assert isinstance(invited, InvitePhone) and invited.video
        assert isinstance(asked, SetPhoneVideo) and (asked.name, asked.wanted) == ("phone-1", True)
        assert isinstance(dropped, SetPhoneVideo) and not dropped.wanted


async def test_a_call_shows_its_phones(tmp_path: Path) -> None:
    gone = PhoneView("phone-1", "8002", "agent", PhoneState.LEFT, "busy", "8002 did not answer: 486 Busy Here")
    declined = "the phone has declined video"
    there = PhoneView("phone-2", "8003", "agent", PhoneState.JOINED, muted=True, video_reason=declined)
    async with served(tmp_path) as (parts, command):
        parts.calls.add(replace(CALL, phones=(gone, there), muted=("phone-2",)))
        shown = (await command("call", "4711")).stdout
        assert "busy" in shown and "486 Busy Here" in shown and "talks, muted" in shown and declined in shown


async def test_a_refusal_is_plain(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(CALL)
        parts.calls.answers[InvitePhone] = Denial(403, "not-allowed", "no route leads to this number")
        refused = await command("invite", "4711", "--phone", "900")
        assert refused.exit_code == 1 and "no route leads to this number" in refused.stderr


async def test_dials_for_a_desk_and_redials(tmp_path: Path) -> None:
    async with served(tmp_path) as (parts, command):
        parts.calls.add(replace(CALL, extension="8001"))
        assert "the phone of 8001 rings" in (await command("dial", "8001", "13900001111", "--video")).stdout
        assert (await command("redial", "4711")).exit_code == 0
        first, again = parts.calls.placed
        assert (first.extension, first.number, first.video) == ("8001", "13900001111", True)
        assert (again.extension, again.number, again.video) == ("8001", CALL.number, False)
