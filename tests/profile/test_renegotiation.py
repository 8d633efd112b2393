"""Sessions that change: SRVCC, video on and off, upgrades that cross a hold. The descriptions alone, no call."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.compare import Change, audio_change
from splitter.sdp.merge import caller_answer, caller_offer, in_sequence, same_content, standing_answer, standing_offer
from splitter.sdp.model import MediaPort, Origin, Session
from splitter.sdp.offer_answer import PayloadHistory, answer_direction, check_answer, check_reoffer
from splitter.sdp.parse import parse
from splitter.sdp.split import Plan, centre_offer, plan
from splitter.sdp.video import answer_video, offer_video, refuse

AUDIO_LOCAL = MediaPort("203.0.113.10", 10000, 10001)
ROOM = MediaPort("203.0.113.10", 30000, 30001)
TO_CENTRE = MediaPort("203.0.113.20", 20000, 20001)
AMR = "m=audio 4000 RTP/AVP 107 101\na=rtpmap:107 AMR-WB/16000\na=fmtp:107 octet-align=1\na=rtpmap:101 telephone-event/16000\n"
PCMA = "m=audio 4000 RTP/AVP 8 100\na=rtpmap:8 PCMA/8000\na=rtpmap:100 telephone-event/8000\n"
H264 = "m=video {port} RTP/AVP 123\na=rtpmap:123 H264/90000\na=fmtp:123 profile-level-id=42C01F;packetization-mode=1\n"
CENTRE_AMR = AMR.replace("4000", "8000")
CENTRE_PCMA = PCMA.replace("4000", "8000")


def session(lines: str, version: int = 1, host: str = "192.0.2.33") -> Session:
    return parse(f"v=0\no=- 3841 {version} IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\n{lines}")


def answer(offer: Session, chosen: Plan, centre: Session, previous: Session | None = None) -> Session:
    """Our answer to the caller, proved; under the o= line that follows `previous`."""
    video = None
    if chosen.video is not None and chosen.video_format is not None:
        direction = answer_direction(offer.direction_of(chosen.video), "sendrecv")
        line = offer.media[chosen.video]
        video = answer_video(line, chosen.video_format, ROOM, direction, 800, session_attributes=offer.attributes)
    made = caller_answer(offer, chosen, centre, AUDIO_LOCAL, video, Origin.of(AUDIO_LOCAL.host, 1001))
    if previous is not None:
        made = in_sequence(previous, made)
        check_reoffer(previous, made)
    check_answer(offer, made)
    return made


class TestSrvcc:
    """The handset leaves LTE: a media gateway of the circuit network takes its place, with another codec and no video."""

    BEFORE = session(AMR + H264.format(port=5000))
    AFTER = session(PCMA + H264.format(port=0), version=2, host="198.51.100.99")

    def test_the_offer_is_legal_and_the_voice_stays_planned(self) -> None:
        check_reoffer(self.BEFORE, session(PCMA + H264.format(port=0), version=2))
        chosen = plan(self.AFTER, plan(self.BEFORE))
        assert (chosen.audio, chosen.video) == (0, None)

    def test_an_offer_with_the_gateways_own_origin_is_taken_all_the_same(self) -> None:
        other = parse(
            "v=0\no=mgcf 99 1 IN IP4 198.51.100.99\ns=-\nc=IN IP4 198.51.100.99\nt=0 0\n" + PCMA + H264.format(port=0)
        )
        assert plan(other, plan(self.BEFORE)).audio == 0

    def test_the_centre_has_to_know(self) -> None:
        change = audio_change(self.BEFORE.media[0], self.AFTER.media[0], self.BEFORE, self.AFTER)
        assert change is Change.MATERIAL
        first = centre_offer(self.BEFORE, plan(self.BEFORE), TO_CENTRE, Origin.of(TO_CENTRE.host, 1002))
        again = centre_offer(self.AFTER, plan(self.AFTER), TO_CENTRE, first.origin.next(), first)
        check_reoffer(first, again)
        assert [codec.name for codec in again.media[0].codecs] == ["PCMA", "telephone-event"]
        assert again.media[0].port == first.media[0].port

    def test_the_answer_keeps_the_video_slot_at_port_0(self) -> None:
        before = answer(self.BEFORE, plan(self.BEFORE), session(CENTRE_AMR))
        after = answer(self.AFTER, plan(self.AFTER), session(CENTRE_PCMA), before)
        assert [media.port > 0 for media in before.media] == [True, True]
        assert [media.port > 0 for media in after.media] == [True, False]
        assert after.media[0].port == before.media[0].port

    def test_no_payload_type_changed_its_meaning(self) -> None:
        history = PayloadHistory().after(self.BEFORE).after(self.AFTER)
        with pytest.raises(PeerError):
            history.after(session(PCMA.replace("8 100", "8 107").replace("rtpmap:100", "rtpmap:107")))

    def test_a_centre_that_has_no_such_codec_says_so(self) -> None:
        with pytest.raises(PeerError) as caught:
            answer(self.AFTER, plan(self.AFTER), session(CENTRE_AMR))
        assert caught.value.status == 488


class TestFiveOnOffCycles:
    def test_of_the_caller_leak_no_line_no_port_and_no_payload_type(self) -> None:
        offer = session(AMR + H264.format(port=5000))
        chosen = plan(offer)
        ours = answer(offer, chosen, session(CENTRE_AMR))
        first, history = ours, PayloadHistory().after(offer).after(ours)
        for cycle in range(5):
            for port in (0, 5000):
                offer = session(AMR + H264.format(port=port), version=2 * cycle + (2 if port == 0 else 3))
                chosen = plan(offer, chosen)
                ours = answer(offer, chosen, session(CENTRE_AMR), ours)
                history = history.after(offer).after(ours)
                assert [media.kind for media in ours.media] == ["audio", "video"]
                assert bool(ours.media[1].port) == bool(port)
        assert ours.origin.version == first.origin.version + 10
        assert same_content(ours, first)
        assert history == PayloadHistory().after(session(AMR + H264.format(port=5000))).after(first)

    def test_of_ours_reuse_the_slot(self) -> None:
        """An upgrade takes the slot of a refused line; a second one is never appended (RFC 3264 §8.1)."""
        offer = session(AMR)
        sent = answer(offer, plan(offer), session(CENTRE_AMR))
        voice = Plan(0)
        line = offer_video(None, ROOM)
        for _ in range(5):
            on = caller_offer(sent, voice, session(CENTRE_AMR), AUDIO_LOCAL, sent.origin.next(), line)
            check_reoffer(sent, on)
            assert [media.kind for media in on.media] == ["audio", "video"]
            assert on.media[0] == sent.media[0], "audio is byte-identical in an upgrade"
            off = caller_offer(on, Plan(0, 1), session(CENTRE_AMR), AUDIO_LOCAL, on.origin.next(), refuse(on.media[1]))
            check_reoffer(on, off)
            assert [media.port > 0 for media in off.media] == [True, False]
            line, sent = offer_video(off.media[1], ROOM), off


class TestOfferlessAfterADowngrade:
    def test_the_present_state_is_offered_and_video_stays_away(self) -> None:
        offer = session(AMR + H264.format(port=5000))
        ours = answer(offer, plan(offer), session(CENTRE_AMR))
        down = session(AMR + H264.format(port=0), version=2)
        ours = answer(down, plan(down, plan(offer)), session(CENTRE_AMR), ours)
        asked = standing_offer(ours, ours.origin)
        assert [media.port > 0 for media in asked.media] == [True, False]
        check_reoffer(ours, asked)


class TestUpgradeCrossesTheCentresHold:
    """The centre holds while our upgrade is with the handset: each leg's next description builds on what was sent last."""

    def test_after_the_upgrade_the_hold_keeps_the_new_line(self) -> None:
        offer = session(AMR)
        sent = answer(offer, plan(offer), session(CENTRE_AMR))
        upgrade = caller_offer(
            sent, Plan(0), session(CENTRE_AMR), AUDIO_LOCAL, sent.origin.next(), offer_video(None, ROOM)
        )
        check_reoffer(sent, upgrade)
        hold = session(CENTRE_AMR + "a=sendonly\n", version=2)
        held = caller_offer(upgrade, Plan(0, 1), hold, AUDIO_LOCAL, upgrade.origin.next())
        check_reoffer(upgrade, held)
        assert [held.direction_of(index) for index in (0, 1)] == ["sendonly", "sendrecv"]
        assert held.media[1].port == upgrade.media[1].port

    def test_after_a_refused_upgrade_the_version_still_moves(self) -> None:
        """RFC 3264 §8: an offer was sent, whatever became of it."""
        offer = session(AMR)
        sent = answer(offer, plan(offer), session(CENTRE_AMR))
        refused = caller_offer(
            sent, Plan(0), session(CENTRE_AMR), AUDIO_LOCAL, sent.origin.next(), offer_video(None, ROOM)
        )
        hold = session(CENTRE_AMR + "a=sendonly\n", version=2)
        held = caller_offer(sent, Plan(0), hold, AUDIO_LOCAL, refused.origin.next())
        assert held.origin.version == sent.origin.version + 2
        assert [media.kind for media in held.media] == ["audio"]

    def test_a_hold_of_the_handset_is_answered_while_the_centre_holds_too(self) -> None:
        offer = session(AMR)
        sent = answer(offer, plan(offer), session(CENTRE_AMR))
        by_centre = caller_offer(
            sent, Plan(0), session(CENTRE_AMR + "a=sendonly\n", version=2), AUDIO_LOCAL, sent.origin.next()
        )
        both = standing_answer(session(AMR + "a=sendonly\n", version=2), by_centre, by_centre.origin.next())
        check_answer(session(AMR + "a=sendonly\n", version=2), both)
        assert both.direction_of(0) == "inactive"


class TestSecondAnswerOfABranch:
    """A 183 and then a 200 with another description of the same early dialog: our port and lines stay."""

    def test_our_port_stays(self) -> None:
        offer = session(AMR + H264.format(port=5000))
        early = answer(offer, plan(offer), session(CENTRE_AMR))
        final = answer(offer, plan(offer), session(CENTRE_AMR.replace("8000 RTP", "8100 RTP")))
        assert same_content(early, final)
