"""A third voice, step by step: exactly what is done for each event, until all are connected."""

from __future__ import annotations

from typing import Any

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Asked, InvitePhone, PhoneInvited
from splitter.calls.events import HearingSet, VoiceAdded, VoicePointed
from splitter.calls.leg_events import Answered, Ended, Rang, Refused
from splitter.calls.states import PhonePart, PhoneState, Side
from splitter.calls.talk.commands import AnswerAsk, Command, Notify, SendBye, SetAlarm, StopAlarm
from splitter.calls.talk.live import NoAbilities
from splitter.calls.talk.media_commands import (
    AddVoice,
    PointVoice,
    RemoveVoice,
    SetHearing,
    SettleHearing,
    SettlePointing,
)
from splitter.calls.talk.phone_commands import DialPhone, FoundWay, KeepPhone, NoWay, ReleaseWay, SeekNextWay, SeekWay
from splitter.core.net import Address
from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.voice import Hears, RelayHandle, SideHandle, SideSpec
from splitter.sdp.mixed import phone_offer
from splitter.sdp.model import Origin
from splitter.sdp.parse import parse
from splitter.sdp.voice import VoiceFormat
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from tests.calls.flows.playbook import OURS_TO_CALLER, OURS_TO_CENTRE, Playbook, PlayedReply, caller_end, centre_end

PHONE, NAME, NUMBER = "phone-1.1", "phone-1", "8002"
OURS = LocalEnd("10.1.0.1", 40300, 40301)
RELAY = RelayHandle("relay", "call", (OURS_TO_CALLER, OURS_TO_CENTRE))
ADDED = VoiceAdded("relay", NAME, SideHandle(2, SideSpec(NAME, "core"), OURS))
OFFER = phone_offer(OURS, Origin.of("198.51.100.1", 7))
PCMA = VoiceFormat("PCMA", 8, digits_payload_type=101)
RING, JOIN = SetAlarm(60.0, Alarm(AlarmKind.PHONE, NAME)), SetAlarm(15.0, Alarm(AlarmKind.PHONE, NAME))
THEIRS = RemoteEnd(Address("10.1.0.30", 20000), Address("10.1.0.30", 20001), voice=PCMA)
SAID = parse(
    "\r\n".join(
        ("v=0", "o=- 9 1 IN IP4 10.1.0.30", "s=-", "c=IN IP4 10.1.0.30", "t=0 0", "m=audio 20000 RTP/AVP 8 101",
         "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "")
    )
)  # fmt: skip


class _Mixer(NoAbilities):
    def can_mix(self, format: VoiceFormat) -> bool:
        return format.encoding == "PCMA"


def told(code: str, words: str, extension: str = "") -> Notify:
    return Notify(code, words, NAME, extension)


def invited(part: PhonePart = PhonePart.TALKS) -> tuple[Playbook, Asked]:
    """A phone that is being looked for ports for."""
    way = FoundWay("pbx", "core", "udp", True)
    replies: dict[type[Command[Any]], Any] = {SeekWay: way, DialPhone: PHONE, SettlePointing: True, SettleHearing: True}
    book = Playbook(video=False, replies=replies)
    book.call.abilities = _Mixer(mixes=True, may_mix=True)
    book.call.talk.voice.relay = RELAY
    asked = Asked(InvitePhone(NUMBER, "agent", part), PlayedReply())
    book.happens(asked)
    return book, asked


def ringing(part: PhonePart = PhonePart.TALKS) -> Playbook:
    """A phone that rings."""
    book, _ = invited(part)
    book.done.clear()
    book.happens(ADDED)
    book.does(DialPhone(NAME, OFFER), RING)
    book.add_phone(NAME, PHONE, OFFER)
    book.happens_quietly(Rang(PHONE, Response(180, "Ringing", Headers()), None, "t"))
    return book


def answered(part: PhonePart = PhonePart.TALKS) -> Playbook:
    """A phone that has answered: the two are pointed with what they speak, and it is not yet."""
    book = ringing(part)
    book.happens(Answered(PHONE, Response(200, "OK", Headers()), SAID))
    spoken = [
        PointVoice(Side.CALLER, RemoteEnd(caller_end().rtp, caller_end().rtcp, voice=PCMA)),
        PointVoice(Side.CENTRE, RemoteEnd(centre_end().rtp, centre_end().rtcp, voice=PCMA)),
    ]
    kept = (KeepPhone(NAME), JOIN, told("phone-answered", "8002 has answered", NUMBER))
    book.does(*kept, *spoken)
    for command in spoken:
        book.call.talk.voice.set_wish(command.side, command.remote)
    return book


def pointed(book: Playbook, side: str) -> None:
    """The engine has pointed a side to where it should."""
    voice = book.call.talk.voice
    voice.set_pointed(side, voice.wish(side))
    book.happens(VoicePointed("relay", side, voice.wish(side)))


class TestAPhone:
    def test_gets_its_ports_first(self) -> None:
        book, asked = invited()
        called = told("phone-called", "8002 is called by agent")
        book.does(SeekWay(NAME, NUMBER), RING, AddVoice(NAME), AnswerAsk(asked, PhoneInvited(NAME)), called)

    def test_is_pointed_once_the_two_speak_what_can_be_mixed(self) -> None:
        book = answered()
        pointed(book, Side.CALLER)
        book.does(SettlePointing(VoicePointed("relay", Side.CALLER, book.call.talk.voice.wish("caller"))))
        pointed(book, Side.CENTRE)
        settled = SettlePointing(VoicePointed("relay", Side.CENTRE, book.call.talk.voice.wish("centre")))
        book.does(settled, PointVoice(NAME, THEIRS))
        book.call.talk.voice.set_wish(NAME, THEIRS)
        pointed(book, NAME)
        joined = told("phone-joined", "8002 is in the call as phone-1")
        book.does(SettlePointing(VoicePointed("relay", NAME, THEIRS)), joined)
        assert book.call.talk.phones[NAME].state is PhoneState.JOINED

    def test_that_listens_is_not_pointed_before_nobody_hears_it(self) -> None:
        book = answered(PhonePart.LISTENS)
        pointed(book, Side.CALLER)
        book.done.clear()
        pointed(book, Side.CENTRE)
        hearing = (Hears(0, frozenset({1})), Hears(1, frozenset({0})), Hears(2, frozenset({0, 1})))
        book.does(book.done[0], SetHearing(hearing))
        book.call.talk.voice.hearing = book.call.talk.voice.set_hearing = hearing
        book.happens(HearingSet("relay", hearing))
        book.does(SettleHearing(HearingSet("relay", hearing)), PointVoice(NAME, THEIRS))

    def test_that_hangs_up_leaves_the_two_as_they_were(self) -> None:
        book = answered()
        book.happens(Ended(PHONE, Request("BYE", "sip:us", Headers())))
        gone = told("phone-left", "phone-1 (8002): 8002 hung up")
        again, ring = StopAlarm(Alarm(AlarmKind.OFFER_AGAIN, NAME)), StopAlarm(Alarm(AlarmKind.PHONE, NAME))
        book.does(again, RemoveVoice(2), ring, ReleaseWay(NAME), gone)
        assert book.call.talk.phones == {} and list(book.call.talk.legs) == ["caller", "centre"]

    def test_is_tried_by_the_next_way(self) -> None:
        book = ringing()
        book.replies[SeekNextWay] = FoundWay("pbx2", "core", "udp", True)
        book.happens(Refused(PHONE, 503, "Service Unavailable", None))
        book.does(SeekNextWay(NAME, 503, None), DialPhone(NAME, OFFER), RING)

    def test_for_whom_no_way_is_left_is_dropped_with_the_reason(self) -> None:
        book = ringing()
        book.replies[SeekNextWay] = NoWay("pbx has refused")
        book.happens(Refused(PHONE, 486, "Busy Here", None))
        again, ring = StopAlarm(Alarm(AlarmKind.OFFER_AGAIN, NAME)), StopAlarm(Alarm(AlarmKind.PHONE, NAME))
        gone = told("phone-left", "phone-1 (8002): 8002 did not answer: 486 Busy Here")
        book.does(SeekNextWay(NAME, 486, None), again, RemoveVoice(2), ring, ReleaseWay(NAME), gone)
        assert book.call.talk.past_phones[-1].outcome == "busy"

    def test_that_answers_with_nothing_to_hear_is_ended(self) -> None:
        book = ringing()
        book.happens(Answered(PHONE, Response(200, "OK", Headers()), None))
        assert SendBye(PHONE) in book.done and book.call.talk.past_phones[-1].outcome == "no-codec"
