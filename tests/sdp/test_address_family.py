"""IPv4 and IPv6 in session descriptions: RFC 8866 §5.7, RFC 6157 §4; what our media cannot reach is said, not tried."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.model import Connection, MediaPort, Origin, Session
from splitter.sdp.offer_answer import check_answer, check_peer_answer
from splitter.sdp.parse import parse
from splitter.sdp.split import centre_offer, plan
from splitter.sdp.write import write
from tests.sdp.playing import split_and_merge

SIX, FOUR = "2001:db8::20", "192.0.2.20"
AUDIO = "m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n"
VIDEO = "m=video 5000 RTP/AVP 99\na=rtpmap:99 H264/90000\na=fmtp:99 profile-level-id=42C01F;packetization-mode=1\n"


def session(host: str, lines: str = AUDIO + VIDEO) -> Session:
    family = "IP6" if ":" in host else "IP4"
    return parse(f"v=0\no=- 1 1 IN {family} {host}\ns=-\nc=IN {family} {host}\nt=0 0\n{lines}")


class TestCarriedAcross:
    @pytest.mark.parametrize(("caller", "centre"), [(SIX, FOUR), (FOUR, SIX), (SIX, SIX)])
    def test_each_leg_sees_its_own_family_alone(self, caller: str, centre: str) -> None:
        chosen = plan(session(caller), ours=caller)
        ours = MediaPort(centre, 20000, 20001)
        asked = centre_offer(session(caller), chosen, ours, Origin.of(centre, 5))
        other = "IP4" if ":" in centre else "IP6"
        assert f"IN {other}".encode() not in write(asked)
        assert asked.address_of(0) == ours

    def test_a_negotiation_between_families_is_legal(self) -> None:
        offer = session(SIX)
        _, asked, answer = split_and_merge(offer, session(FOUR, AUDIO))
        check_peer_answer(asked, session(FOUR, AUDIO))
        check_answer(offer, answer)
        assert {answer.address_of(index).host.count(":") > 1 for index in (0, 1)} == {True}

    def test_lines_of_one_offer_may_differ(self) -> None:
        offer = session(SIX, AUDIO + VIDEO.replace("a=rtpmap", f"c=IN IP4 {FOUR}\na=rtpmap"))
        assert offer.address_of(0).host == SIX
        assert offer.address_of(1).host == FOUR


class TestWhatOurMediaCannotReach:
    @pytest.mark.parametrize(("theirs", "ours"), [(SIX, FOUR), (FOUR, SIX)])
    def test_audio_is_refused_with_the_reason(self, theirs: str, ours: str) -> None:
        with pytest.raises(PeerError, match=f"its media are IPv. .{theirs}., ours IPv. .{ours}.") as caught:
            plan(session(theirs), ours=ours)
        assert caught.value.status == 488

    def test_video_alone_is_left_out(self) -> None:
        offer = session(FOUR, AUDIO + VIDEO.replace("a=rtpmap", f"c=IN IP6 {SIX}\na=rtpmap"))
        chosen = plan(offer, ours=FOUR)
        assert (chosen.audio, chosen.video) == (0, None)
        assert "its media are IPv6" in chosen.video_fault

    @pytest.mark.parametrize("why", [f"c=IN IP6 {SIX}\n", "c=IN IP4 sbc.example\n", "c=IN IP4 239.1.2.3\n"])
    def test_a_reachable_audio_line_is_taken_instead(self, why: str) -> None:
        """RFC 4091: one line of each family, the preferred one first."""
        offer = session(FOUR, AUDIO.replace("a=rtpmap", f"{why}a=rtpmap") + AUDIO)
        assert plan(offer, ours=FOUR).audio == 1

    def test_without_any_the_first_one_says_why(self) -> None:
        offer = session(SIX, AUDIO + AUDIO.replace("RTP/AVP", "RTP/SAVP"))
        with pytest.raises(PeerError, match="its media are IPv6"):
            plan(offer, ours=FOUR)

    def test_a_reachable_video_line_is_taken_instead(self) -> None:
        offer = session(FOUR, AUDIO + VIDEO.replace("a=rtpmap", f"c=IN IP6 {SIX}\na=rtpmap") + VIDEO)
        assert plan(offer, ours=FOUR).video == 2

    def test_the_peers_answer(self) -> None:
        with pytest.raises(PeerError, match="its media are IPv6") as caught:
            check_peer_answer(session(FOUR), session(SIX))
        assert caught.value.status == 488

    def test_video_of_an_answer_does_not_cost_the_voice(self) -> None:
        answer = session(FOUR, AUDIO + VIDEO.replace("a=rtpmap", f"c=IN IP6 {SIX}\na=rtpmap"))
        check_peer_answer(session(FOUR), answer)
        assert answer.address_fault(1, FOUR)

    @pytest.mark.parametrize("null", ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"])
    def test_hold_by_null_address_has_no_family(self, null: str) -> None:
        for ours in (FOUR, SIX):
            assert plan(session(null, AUDIO), ours=ours).audio == 0
            check_peer_answer(session(ours, AUDIO), session(null, AUDIO))

    def test_who_does_not_say_where_it_is_gets_no_judgement(self) -> None:
        assert plan(session(SIX)).audio == 0


class TestConnection:
    @pytest.mark.parametrize(
        ("host", "line"),
        [(SIX, "IN IP6 2001:db8::20"), ("::ffff:192.0.2.2", "IN IP6 ::ffff:192.0.2.2"), (FOUR, "IN IP4 192.0.2.20")],
    )
    def test_of_ours(self, host: str, line: str) -> None:
        written = write(Session(Origin.of(host, 1), connection=Connection.to(host))).decode()
        assert f"c={line}\r\n" in written
        assert f"o=- 1 1 {line}\r\n" in written

    def test_multicast_scope_of_ipv6(self) -> None:
        """RFC 8866 §5.7: IPv6 has no TTL; what follows the slash is a number of addresses."""
        assert session("ff15::101/3", AUDIO).address_of(0).host == "ff15::101"
