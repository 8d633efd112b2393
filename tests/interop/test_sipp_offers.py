"""SIPp as the SBC: the offers that handsets send are split, and the answers merged. Looks at what both sides saw."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import CALLED, CALLER, CALLER_TONE, CENTRE_TONE, Scene, hang_up, until
from tests.interop.sipp import HERE, TOLD, Sipp, ports_of, read_sdp, sdp_file, sdp_value

pytestmark = pytest.mark.interop


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Each call here ends well, and leaves nothing behind."""
    return shared_gateway


@dataclass(frozen=True)
class Case:
    """An offer of sdp/, the audio that the centre picks, and what must become of the video.

    `video`: index and payload type of the m-line that must be accepted; None where none may be.
    """

    offer: str
    codec: tuple[str, str, str]
    video: tuple[int, str] | None


AMR_WB = "mode-change-capability=2;max-red=0"
CASES = [
    Case("vilte", ("107", "AMR-WB/16000", AMR_WB), (1, "123")),
    Case("transcoded", ("8", "PCMA/8000", "x"), (1, "99")),
    Case("evs", ("116", "EVS/16000/1", "br=9.6-24.4;bw=swb;max-red=220"), (1, "113")),
    Case("mode0", ("97", "AMR/8000/1", "mode-change-capability=2;max-red=220"), (1, "99")),
    Case("no-level", ("0", "PCMU/8000", "x"), (1, "97")),
    Case("datachannel", ("8", "PCMA/8000", "x"), (2, "123")),
    Case("h265-only", ("8", "PCMA/8000", "x"), None),
    Case("voice", ("8", "PCMA/8000", "x"), None),
]


def play(scene: Scene, case: Case, **more: str) -> tuple[Sipp, Sipp]:
    """One call with that offer, hung up by the caller; both sides were content."""
    number, name, fmtp = case.codec
    picked = {"codec": number, "codec_name": name, "codec_fmtp": fmtp}
    centre = scene.centre("centre-answers", answer="centre-amr", **picked)
    caller = scene.caller("caller-hangs-up", offer=case.offer, **more)
    caller.finish()
    centre.finish()
    return caller, centre


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.offer)
class TestSplit:
    def test_the_centre_is_offered_the_voice_alone(self, case: Case, gateway: Gateway, scene: Scene) -> None:
        _, centre = play(scene, case)
        theirs = read_sdp(ports_of(sdp_file(case.offer)))
        audio = theirs.media[theirs.kinds.index("audio")]
        seen = centre.received("INVITE").sdp
        assert seen.kinds == ("audio",)
        ours = seen.media[0]
        assert ours.formats == audio.formats, "formats go through unchanged, in order"
        assert ours.attributes("rtpmap") == audio.attributes("rtpmap")
        assert ours.attributes("fmtp") == audio.attributes("fmtp")
        host, port = seen.address_of(0)
        assert host == scene.desk.core
        assert port % 2 == 0 and 30000 <= port <= 39999
        text = centre.received("INVITE").body
        for word in ("video", "H264", "H265", "qos", "tcap", "imageattr", scene.desk.caller):
            assert word not in text, f"{word!r} is none of the centre's business"

    def test_the_caller_is_answered_line_by_line(self, case: Case, gateway: Gateway, scene: Scene) -> None:
        caller, _ = play(scene, case)
        theirs = read_sdp(ports_of(sdp_file(case.offer)))
        answer = caller.received("INVITE", 200).sdp
        assert answer.kinds == theirs.kinds, "same number and order of m-lines (RFC 3264 §6)"
        audio = theirs.kinds.index("audio")
        number, name, fmtp = case.codec
        assert answer.media[audio].formats == (number,), "the centre's choice"
        assert f"{number} {name}" in answer.media[audio].attributes("rtpmap")
        assert f"{number} {fmtp}" in answer.media[audio].attributes("fmtp"), "fmtp of the centre, unchanged"
        used = {audio} | ({case.video[0]} if case.video else set())
        hosts = {answer.address_of(i)[0] for i in used}
        assert hosts == {scene.desk.access}
        live = {i for i, line in enumerate(answer.media) if line.port}
        assert live == used, "everything else has port 0 and keeps its place"
        ports = [answer.media[i].port for i in used]
        assert len(set(ports)) == len(ports) and all(port % 2 == 0 for port in ports)

    def test_the_picture_is_answered_by_us(self, case: Case, gateway: Gateway, scene: Scene) -> None:
        caller, _ = play(scene, case)
        answer = caller.received("INVITE", 200).sdp
        if case.video is None:
            assert not [line for line in answer.media if line.kind == "video" and line.port]
            return
        index, payload = case.video
        line, theirs = answer.media[index], read_sdp(ports_of(sdp_file(case.offer))).media[index]
        assert line.formats == (payload,)
        assert any(text.startswith(f"{payload} H264/90000") for text in line.attributes("rtpmap"))
        assert any("profile-level-id=42" in text for text in line.attributes("fmtp"))
        feedback = any(text.endswith("nack pli") for text in theirs.attributes("rtcp-fb"))
        if theirs.attributes("tcap") and feedback:
            assert line.proto == "RTP/AVPF"
            assert line.attributes("acfg") == ("1 t=1",), "RFC 5939 §3.3.2"
        else:
            assert line.proto == theirs.proto
        if feedback:
            assert any(text.endswith("nack pli") for text in line.attributes("rtcp-fb"))
        assert line.direction == "sendrecv"


class TestHeaders:
    """What goes to the centre and what does not (IMS)."""

    def test_identity_and_correlation_reach_the_centre(self, gateway: Gateway, scene: Scene) -> None:
        caller, centre = play(scene, CASES[1])
        invite, ours = centre.received("INVITE"), caller.sent("INVITE")
        assert invite.first_line.startswith(f"INVITE sip:{CALLED}@")
        assert CALLER in invite.get("from")
        assert CALLER in invite.get("p-asserted-identity"), "both trunks are trusted"
        assert invite.get("user-to-user") == ours.get("user-to-user")
        assert "0123456789abcdef0123456789abcdef" in invite.get("session-id")
        assert int(invite.get("max-forwards")) == int(ours.get("max-forwards")) - 1
        assert invite.get("call-id") != ours.get("call-id")
        assert invite.get("x-splitter-call")

    def test_what_is_the_operators_stays_with_us(self, gateway: Gateway, scene: Scene) -> None:
        _, centre = play(scene, CASES[1])
        invite = centre.received("INVITE")
        for name in ("accept-contact", "p-charging-vector", "p-access-network-info", "record-route"):
            assert not invite.get(name), f"{name} was passed on"
        assert len(invite.get_all("via")) == 1
        assert "video" not in invite.get("contact")

    def test_responses_carry_every_via_of_the_request(self, gateway: Gateway, scene: Scene) -> None:
        caller, _ = play(scene, CASES[1])
        sent = [via.partition(";")[0] for via in caller.sent("INVITE").get_all("via")]
        for status in (100, 180, 200):
            seen = ", ".join(caller.received("INVITE", status).get_all("via"))
            assert [via.partition(";")[0].strip() for via in seen.split(",")] == sent, f"in the {status}"

    def test_the_caller_is_told_that_video_may_be_offered(self, gateway: Gateway, scene: Scene) -> None:
        caller, _ = play(scene, CASES[1])
        contact = caller.received("INVITE", 200).get("contact")
        assert scene.desk.access in contact
        assert "+g.3gpp.icsi-ref" in contact and "video" in contact

    def test_no_100rel_and_no_timer_are_promised_that_are_not_kept(self, gateway: Gateway, scene: Scene) -> None:
        caller, centre = play(scene, CASES[1])
        for message in (caller.received("INVITE", 200), centre.received("INVITE")):
            promised = message.get("supported") + message.get("require")
            assert "precondition" not in promised
            assert message.get("allow"), "Allow says what works"


class TestBodies:
    """Multipart: the SDP is found wherever it is, and goes on alone (IMS emergency calls carry a location)."""

    def test_a_location_before_the_sdp(self, gateway: Gateway, scene: Scene) -> None:
        location = (HERE / "sdp" / "location.xml").read_text().strip()
        body = "\n".join(
            [
                "--a b+c", "Content-Type: application/pidf+xml", "Content-ID: <caller@ims.example.org>", "", location,
                "--a b+c", "Content-Type: application/sdp", "Content-Disposition: session", "", sdp_value("transcoded"),
                "--a b+c--",
            ]
        )  # fmt: skip
        centre = scene.centre("centre-answers")
        caller = scene.caller(
            "caller-hangs-up", body=body, content_type='multipart/mixed;boundary="a b+c"',
            headers="Geolocation: <cid:caller@ims.example.org>\nGeolocation-Routing: no\n",
        )  # fmt: skip
        caller.finish()
        centre.finish()
        assert centre.received("INVITE").get("content-type") == "application/sdp", "SDP alone to the centre"
        assert centre.received("INVITE").sdp.kinds == ("audio",)
        assert caller.received("INVITE", 200).sdp.kinds == ("audio", "video")


class TestTransports:
    def test_an_invite_over_tcp(self, gateway: Gateway, scene: Scene) -> None:
        case = CASES[0]
        caller, _ = play(scene, case, options=["-t", "t1"], contact=";transport=tcp")  # type: ignore[arg-type]
        assert caller.received("INVITE", 200).sdp.kinds == ("audio", "video")


class TestVoice:
    def test_both_are_heard_and_early_media_too(self, gateway: Gateway, scene: Scene) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-announces", ring_ms=TOLD)
        caller = scene.caller("caller-hangs-up", offer="transcoded", held_ms=TOLD)
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        early = until(caller, "INVITE", 183)
        ours.talk_to(early.sdp.address_of(0))
        eventually(lambda: ours.hears(CENTRE_TONE), "the announcement is heard before the answer", 5, ours.in_words)
        assert not [m for m in caller.messages() if m.status == 200], "it was early"
        centre.go_on(until(centre, "INVITE", 183, sent=True))
        answer = until(caller, "INVITE", 200)
        assert answer.sdp.media[0].port == early.sdp.media[0].port, "one local port over all early dialogs"
        ours.forget(), theirs.forget()
        eventually(lambda: ours.hears(CENTRE_TONE), "the caller hears the centre", 5, ours.in_words)
        eventually(lambda: theirs.hears(CALLER_TONE), "the centre hears the caller", 5, theirs.in_words)
        assert ours.sources == {answer.sdp.address_of(0)}, "symmetric: it comes from where we send to"
        assert not ours.seconds(CALLER_TONE), "no echo"
        hang_up(caller)
        centre.finish()

    def test_after_the_call_nothing_is_sent(self, gateway: Gateway, scene: Scene) -> None:
        ours, theirs = scene.voices()
        centre = scene.centre("centre-answers")
        caller = scene.caller("caller-hangs-up", offer="voice", held_ms=600)
        theirs.talk_to(until(centre, "INVITE").sdp.address_of(0))
        ours.talk_to(until(caller, "INVITE", 200).sdp.address_of(0))
        caller.finish()
        centre.finish()
        gateway.must_be_idle()

        def silent() -> bool:
            ours.forget(), theirs.forget()  # what a slow machine has not given them yet
            time.sleep(0.3)
            return (ours.received, theirs.received) == (0, 0)

        eventually(silent, "nothing comes any more", 1)
