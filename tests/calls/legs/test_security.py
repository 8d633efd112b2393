"""The secure form of a leg's descriptions (RFC 4568): what peers are told, and what flows see."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest

from splitter.calls.legs.security import LegSecurity
from splitter.calls.settings import Role, Srtp, Trunk
from splitter.calls.talk.leg import LegRecord, Opener
from splitter.calls.talk.security import without_our_keys
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.srtp import Suite
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.sip.session_timer import TimerSettings

KEY, OTHER = bytes(30), bytes(range(30))


def crypto(tag: int, key: bytes = KEY, suite: str = "AES_CM_128_HMAC_SHA1_80") -> str:
    return f"a=crypto:{tag} {suite} inline:{b64encode(key).decode()}\r\n"


def sdp(*lines: str, version: int = 1) -> bytes:
    head = f"v=0\r\no=- 7 {version} IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    return (head + "".join(lines)).encode()


def audio(proto: str = "RTP/SAVP", *attributes: str, port: int = 4000) -> str:
    return f"m=audio {port} {proto} 8\r\n" + "".join(attributes)


def video(proto: str = "RTP/SAVPF", *attributes: str, port: int = 4002) -> str:
    return f"m=video {port} {proto} 99\r\na=rtpmap:99 H264/90000\r\n" + "".join(attributes)


def message(body: bytes) -> Request:
    return Request("INVITE", "sip:x@y", Headers([("Content-Type", "application/sdp")]), body)


class Leg:
    """A leg's security, and what it says and hears."""

    def __init__(self, srtp: Srtp = Srtp.REQUIRED, transport: str = "tls", **trunk: Any) -> None:
        self.trunk = Trunk("sbc", Role.ACCESS, "access", (), srtp=srtp, **trunk)
        flow = Flow("access", transport, Address("10.0.0.1", 5061), Address("192.0.2.1", 5061))
        self.record = LegRecord.of("caller", Opener.PEER, "sbc", flow, "id", TimerSettings(1800, 90))
        self.security = LegSecurity(self.trunk, self.record, IdSource(random.Random(1)))

    def offered(self, *lines: str) -> Session:
        found = self.security.read_offer(message(sdp(*lines)))
        assert found is not None
        return found

    def answered(self, *lines: str) -> Session:
        found = self.security.read_answer(message(sdp(*lines)))
        assert found is not None
        return found

    def offer(self, *lines: str, version: int = 1) -> Session:
        return parse(self.security.write_offer(parse(sdp(*lines, version=version))))

    def answer(self, *lines: str, version: int = 1) -> Session:
        return parse(self.security.write_answer(parse(sdp(*lines, version=version))))


def key_of(session: Session, index: int = 0) -> bytes:
    value = session.media[index].get("crypto")
    assert value is not None
    return b64decode(value.partition("inline:")[2])


class TestAnOfferOfThePeer:
    def test_is_plain_to_flows_with_keys_beside_it(self) -> None:
        leg = Leg()
        [voice, picture] = leg.offered(audio("RTP/SAVP", crypto(1)), video("RTP/SAVPF", crypto(2, OTHER))).media
        assert (voice.proto, picture.proto) == ("RTP/AVP", "RTP/AVPF")
        assert not voice.has("crypto")
        assert voice.keys is not None and picture.keys is not None
        assert (voice.keys.theirs, picture.keys.theirs) == (KEY, OTHER)
        assert voice.keys.ours != picture.keys.ours, "a key for each stream and direction"

    def test_is_answered_under_its_profile_and_tag(self) -> None:
        leg = Leg()
        seen = leg.offered(audio("RTP/SAVP", crypto(5)), video("RTP/SAVPF", crypto(9)))
        said = leg.answer(audio("RTP/AVP"), video("RTP/AVPF", port=0))
        assert [line.proto for line in said.media] == ["RTP/SAVP", "RTP/SAVPF"]
        assert (said.media[0].get("crypto") or "").startswith("5 AES_CM_128_HMAC_SHA1_80 inline:")
        assert seen.media[0].keys is not None and key_of(said) == seen.media[0].keys.ours
        assert not said.media[1].has("crypto"), "a line that is off has no keys"

    def test_takes_the_first_suite_that_is_ours(self) -> None:
        leg = Leg(srtp_suites=(Suite.AEAD_AES_128_GCM,))
        lines = (crypto(1), crypto(2, bytes(28), "AEAD_AES_128_GCM"))
        [voice] = leg.offered(audio("RTP/SAVP", *lines)).media
        assert voice.keys is not None and voice.keys.suite is Suite.AEAD_AES_128_GCM
        assert len(voice.keys.ours) == 28
        assert (leg.answer(audio("RTP/AVP")).media[0].get("crypto") or "").startswith("2 AEAD_AES_128_GCM")

    @pytest.mark.parametrize("srtp", [Srtp.OPTIONAL, Srtp.REQUIRED])
    def test_may_have_keys_under_a_plain_profile(self, srtp: Srtp) -> None:
        leg = Leg(srtp)
        [voice] = leg.offered(audio("RTP/AVP", crypto(3))).media
        assert voice.keys is not None
        said = leg.answer(audio("RTP/AVP"))
        assert said.media[0].proto == "RTP/AVP" and said.media[0].has("crypto")

    def test_without_keys_is_taken_where_that_may_be(self) -> None:
        leg = Leg(Srtp.OPTIONAL)
        assert leg.offered(audio("RTP/AVP")).media[0].keys is None
        assert not leg.answer(audio("RTP/AVP")).media[0].has("crypto")

    @pytest.mark.parametrize(
        ("leg", "line", "word"),
        [
            (Leg(), audio("RTP/AVP"), "RTP/AVP without a=crypto"),
            (Leg(), audio("RTP/SAVP"), "RTP/SAVP without a=crypto"),
            (Leg(Srtp.OPTIONAL), audio("RTP/SAVP", crypto(1, bytes(8))), "no a=crypto that can be taken"),
            (Leg(transport="udp"), audio("RTP/SAVP", crypto(1)), "in clear, over UDP"),
        ],
    )
    def test_is_refused_in_words(self, leg: Leg, line: str, word: str) -> None:
        with pytest.raises(PeerError, match=word) as refused:
            leg.offered(line)
        assert refused.value.status == 488
        assert b64encode(KEY).decode() not in str(refused.value)

    def test_over_udp_is_plain_where_that_may_be(self) -> None:
        assert Leg(Srtp.OPTIONAL, "udp").offered(audio("RTP/AVP", crypto(1))).media[0].keys is None

    def test_over_udp_has_keys_where_the_operator_says_so(self) -> None:
        assert Leg(transport="udp", srtp_in_clear=True).offered(audio("RTP/SAVP", crypto(1))).media[0].keys is not None

    def test_with_a_picture_that_cannot_be_taken_is_a_voice_call(self) -> None:
        [voice, picture] = Leg().offered(audio("RTP/SAVP", crypto(1)), video("RTP/AVPF")).media
        assert voice.port and not picture.port

    def test_with_both_kinds_of_voice_has_one(self) -> None:
        """Some phones offer a secure line and a plain one, and expect one of them to be taken."""
        [secure, plain] = Leg().offered(audio("RTP/SAVP", crypto(1)), audio("RTP/AVP")).media
        assert secure.port and not plain.port


class TestAnOfferOfOurs:
    def test_has_a_key_of_each_suite(self) -> None:
        [voice, picture] = Leg().offer(audio("RTP/AVP"), video("RTP/AVPF")).media
        assert (voice.proto, picture.proto) == ("RTP/SAVP", "RTP/SAVPF")
        told = [value.split()[:2] for value in voice.get_all("crypto")]
        assert told == [[str(tag), suite.value] for tag, suite in enumerate(Suite, 1)]
        assert len({*voice.get_all("crypto"), *picture.get_all("crypto")}) == 2 * len(Suite)

    def test_is_plain_with_keys_beside_it_where_either_will_do(self) -> None:
        [voice] = Leg(Srtp.OPTIONAL).offer(audio("RTP/AVP")).media
        assert voice.proto == "RTP/AVP" and voice.has("crypto")

    def test_has_no_keys_any_more_once_they_were_refused(self) -> None:
        leg = Leg(Srtp.OPTIONAL)
        before = leg.offer(audio("RTP/AVP"))
        assert leg.security.withhold() and not leg.security.withhold()
        after = leg.offer(audio("RTP/AVP"))
        assert after.media[0].proto == "RTP/AVP" and not after.media[0].has("crypto")
        assert after.origin.version > before.origin.version, "it is another description"

    def test_has_them_again_once_the_peer_offers_some(self) -> None:
        leg = Leg(Srtp.OPTIONAL)
        leg.offer(audio("RTP/AVP"))
        leg.security.withhold()
        leg.answered(audio("RTP/AVP"))
        leg.offered(audio("RTP/AVP", crypto(1)))
        assert leg.answer(audio("RTP/AVP"), version=2).media[0].has("crypto")
        assert leg.offer(audio("RTP/AVP", port=5000), version=3).media[0].has("crypto")

    @pytest.mark.parametrize("answer", [audio("RTP/AVP"), audio("RTP/AVP", crypto(9, suite="F8_128_HMAC_SHA1_80"))])
    def test_has_none_for_a_peer_that_has_taken_the_plain_one(self, answer: str) -> None:
        leg = Leg(Srtp.OPTIONAL)
        leg.offer(audio("RTP/AVP"))
        leg.answered(answer)
        assert not leg.security.withhold()
        later = leg.offer(audio("RTP/AVP"), video("RTP/AVPF"), version=2)
        assert not any(line.has("crypto") for line in later.media)
        [voice] = leg.answered(audio("RTP/AVP", crypto(1))).media
        assert voice.keys is None, "nobody was told a key of ours"

    def test_has_them_for_a_line_that_is_new_beside_one_that_has_keys(self) -> None:
        leg = Leg(Srtp.OPTIONAL)
        leg.offer(audio("RTP/AVP"))
        leg.answered(audio("RTP/AVP", crypto(1)))
        later = leg.offer(audio("RTP/AVP"), video("RTP/AVPF"), version=2)
        assert all(line.has("crypto") and line.proto.startswith("RTP/AVP") for line in later.media)

    @pytest.mark.parametrize("srtp", [Srtp.REQUIRED, Srtp.NONE])
    def test_has_nothing_to_leave_out_on_other_trunks(self, srtp: Srtp) -> None:
        leg = Leg(srtp)
        leg.offer(audio("RTP/AVP"))
        assert not leg.security.withhold()

    def test_tells_no_key_in_clear(self) -> None:
        assert not Leg(Srtp.OPTIONAL, "tcp").offer(audio("RTP/AVP")).media[0].has("crypto")

    def test_is_as_it_was_on_another_trunk(self) -> None:
        plain = sdp(audio("RTP/AVP"))
        assert Leg(Srtp.NONE).security.write_offer(parse(plain)) == plain

    def test_is_answered_by_tag(self) -> None:
        leg = Leg()
        told = leg.offer(audio("RTP/AVP")).media[0].get_all("crypto")
        [voice] = leg.answered(audio("RTP/SAVP", crypto(4, OTHER, "AES_CM_128_HMAC_SHA1_32"))).media
        assert voice.keys is not None and voice.keys.suite is Suite.AES_CM_128_HMAC_SHA1_32
        assert (voice.keys.theirs, voice.keys.ours) == (OTHER, b64decode(told[3].partition("inline:")[2]))

    @pytest.mark.parametrize("tag", [2, 7])
    def test_may_be_answered_under_a_tag_of_the_peers_own(self, tag: int) -> None:
        """Some session border controllers number the lines of their answers anew."""
        leg = Leg()
        told = leg.offer(audio("RTP/AVP")).media[0].get_all("crypto")
        [voice] = leg.answered(audio("RTP/SAVP", crypto(tag, OTHER))).media
        assert voice.keys is not None and voice.keys.suite is Suite.AES_CM_128_HMAC_SHA1_80
        assert (voice.keys.theirs, voice.keys.ours) == (OTHER, b64decode(told[0].partition("inline:")[2]))

    def test_is_answered_by_the_line_that_has_its_tag_if_there_are_several(self) -> None:
        leg = Leg()
        leg.offer(audio("RTP/AVP"))
        lines = (crypto(9), crypto(4, OTHER, "AES_CM_128_HMAC_SHA1_32"))
        [voice] = leg.answered(audio("RTP/SAVP", *lines)).media
        assert voice.keys is not None and voice.keys.theirs == OTHER

    @pytest.mark.parametrize("answer", [crypto(1), crypto(1, suite="AES_256_CM_HMAC_SHA1_80"), ""])
    def test_whose_answer_has_no_key_of_ours_is_none(self, answer: str) -> None:
        leg = Leg(srtp_suites=(Suite.AEAD_AES_128_GCM,))
        leg.offer(audio("RTP/AVP"))
        with pytest.raises(PeerError):
            leg.answered(audio("RTP/SAVP", answer))

    def test_may_be_answered_in_clear_where_that_may_be(self) -> None:
        leg = Leg(Srtp.OPTIONAL)
        leg.offer(audio("RTP/AVP"))
        assert leg.answered(audio("RTP/AVP")).media[0].keys is None

    def test_keeps_the_profile_that_the_peer_has_chosen(self) -> None:
        leg = Leg(Srtp.OPTIONAL)
        leg.offered(audio("RTP/SAVP", crypto(1)))
        leg.answer(audio("RTP/AVP"))
        assert leg.offer(audio("RTP/AVP", port=6000), version=2).media[0].proto == "RTP/SAVP"


class TestLaterOffers:
    def test_keep_our_key_while_the_peer_keeps_its_own(self) -> None:
        leg = Leg()
        leg.offered(audio("RTP/SAVP", crypto(1)))
        first = key_of(leg.answer(audio("RTP/AVP")))
        leg.offered(audio("RTP/SAVP", crypto(1)))
        assert key_of(leg.answer(audio("RTP/AVP"))) == first == key_of(leg.offer(audio("RTP/AVP"), version=2))

    def test_with_another_key_of_the_peer_get_another_one_of_ours(self) -> None:
        leg = Leg()
        leg.offered(audio("RTP/SAVP", crypto(1)))
        first = key_of(leg.answer(audio("RTP/AVP")))
        seen = leg.offered(audio("RTP/SAVP", crypto(1, OTHER)))
        assert leg.offered(audio("RTP/SAVP", crypto(1, OTHER))) == seen, "it may be read again"
        assert key_of(leg.answer(audio("RTP/AVP"), version=2)) != first

    def test_have_new_keys_and_another_version_once_media_were_lost(self) -> None:
        """Nothing else may have changed: a peer that sees the version it knows need not look (RFC 3264 §8)."""
        leg = Leg()
        before = leg.offer(audio("RTP/AVP"))
        leg.answered(audio("RTP/SAVP", crypto(1)))
        assert leg.record.keys is not None
        leg.record.keys.spend("audio", None)
        after = leg.offer(audio("RTP/AVP"))
        assert key_of(after) != key_of(before)
        assert after.origin.version == before.origin.version + 1
        assert leg.offer(audio("RTP/AVP")) == after, "a refresh changes nothing"
        assert leg.offer(audio("RTP/AVP", port=5000), version=2).origin.version == 3

    def test_of_the_peer_too(self) -> None:
        leg = Leg()
        leg.offered(audio("RTP/SAVP", crypto(1)))
        first = key_of(leg.answer(audio("RTP/AVP")))
        assert leg.record.keys is not None
        leg.record.keys.spend("audio", None)
        seen = leg.offered(audio("RTP/SAVP", crypto(1)))
        assert seen.media[0].keys is not None and seen.media[0].keys.ours != first

    def test_answered_after_the_loss_are_heard_alone(self) -> None:
        """The offer had told the key before; the account of what it has encrypted went with the media."""
        leg = Leg()
        leg.offer(audio("RTP/AVP"))
        leg.answered(audio("RTP/SAVP", crypto(1)))
        before = leg.offer(audio("RTP/AVP", port=5000), version=2)
        assert leg.record.keys is not None
        leg.record.keys.spend("audio", None)
        [voice] = leg.answered(audio("RTP/SAVP", crypto(1))).media
        assert voice.keys is not None and (voice.keys.theirs, voice.keys.ours) == (KEY, b"")
        assert key_of(leg.offer(audio("RTP/AVP", port=5000), version=3)) != key_of(before)

    def test_what_was_lost_may_still_be_heard(self) -> None:
        seen = Leg().offered(audio("RTP/SAVP", crypto(1)), video("RTP/SAVPF", crypto(1)))
        left = without_our_keys(seen, ("audio",))
        assert left is not None
        voice, picture = (line.keys for line in left.media)
        assert voice is not None and picture is not None
        assert (voice.theirs, voice.ours) == (KEY, b"") and picture.ours


class TestWhatRunsOverDtls:
    """A seat that speaks WebRTC has keys of its own (RFC 5763), on whatever trunk."""

    LINE = (
        "m=video 9 UDP/TLS/RTP/SAVPF 99\r\na=rtpmap:99 H264/90000\r\na=fingerprint:sha-256 AB:CD\r\na=setup:actpass\r\n"
    )

    def test_is_left_as_it_is(self) -> None:
        leg, body = Leg(), sdp(self.LINE)
        assert leg.offered(self.LINE) == parse(body) == leg.answered(self.LINE)
        assert leg.security.write_offer(parse(body)) == body == leg.security.write_answer(parse(body))


class TestWhatMayRunOverDtlsOrNot:
    """Media proxies leave it open where nobody tells them: a fingerprint, and keys in SDP beside it."""

    DTLS = "a=fingerprint:sha-256 AB:CD\r\na=setup:actpass\r\n"

    def test_has_the_keys_that_stand_in_sdp(self) -> None:
        leg = Leg()
        lines = audio("RTP/SAVP", crypto(1), self.DTLS), video("RTP/SAVPF", crypto(2, OTHER), self.DTLS)
        [voice, picture] = leg.offered(*lines).media
        assert voice.keys is not None and picture.keys is not None
        assert (voice.keys.theirs, picture.keys.theirs) == (KEY, OTHER)
        assert leg.answer(audio("RTP/AVP"), video("RTP/AVPF")).media[0].has("crypto")

    def test_so_in_an_answer(self) -> None:
        leg = Leg()
        leg.offer(audio("RTP/AVP"))
        assert leg.answered(audio("RTP/SAVP", crypto(1), self.DTLS)).media[0].keys is not None

    @pytest.mark.parametrize(
        ("leg", "key"), [(Leg(), crypto(1, bytes(8))), (Leg(Srtp.OPTIONAL, "udp"), crypto(1))], ids=["odd", "in clear"]
    )
    def test_has_dtls_where_they_cannot_be_taken(self, leg: Leg, key: str) -> None:
        picture = leg.offered(audio("RTP/AVP", crypto(1)), video("RTP/SAVPF", key, self.DTLS)).media[1]
        assert picture.proto == "RTP/SAVPF" and picture.keys is None and picture.has("fingerprint")


class TestTheRecord:
    def test_goes_on_in_another_process(self) -> None:
        leg = Leg()
        leg.offered(audio("RTP/SAVP", crypto(1)))
        first = key_of(leg.answer(audio("RTP/AVP")))
        other = Leg()
        other.record.keys = leg.record.keys
        later = LegSecurity(replace(leg.trunk, srtp=Srtp.NONE), other.record, IdSource(random.Random(2)))
        assert key_of(parse(later.write_offer(parse(sdp(audio("RTP/AVP")))))) == first
