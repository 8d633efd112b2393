"""What bad input gets: SIPp for refusals, plain sockets for what SIPp cannot send."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.interop.gateway import Gateway
from tests.interop.process import eventually
from tests.interop.scene import Scene, hang_up, until
from tests.interop.sipp import TOLD
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.interop

OPTIONS = """\
OPTIONS sip:{gateway} SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-raw-{port}
From: <sip:probe@{host}>;tag=1
To: <sip:{gateway}>
Call-ID: raw-{port}@{host}
CSeq: 7 OPTIONS
Max-Forwards: 70
Content-Length: 0

"""


class Sender:
    """A plain socket that sends texts as datagrams, with lines ended by CR LF. A context manager."""

    def __init__(self, host: str, to: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 5071))
        self._host, self._to = host, to

    def send(self, text: str) -> None:
        """Send it."""
        filled = text.format(gateway=self._to, host=self._host, port=5071).replace("\n", "\r\n")
        self._socket.sendto(filled.encode(), (self._to, 5060))

    def ask(self, text: str) -> str:
        """Send it; what came back since the last answer: that to an earlier text, if there was one."""
        self.send(text)
        self._socket.settimeout(PATIENCE_S)
        return self._socket.recv(65536).decode()

    def heard_nothing(self) -> bool:
        """Whether no answer waits."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536)
        except BlockingIOError:
            return True
        return False

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class TestRefusals:
    def test_an_unknown_extension_that_is_required_gets_420(self, gateway: Gateway, scene: Scene) -> None:
        caller = scene.caller("caller-refused", status="420", headers="Require: 100rel, telepathy\n")
        caller.finish()
        assert "telepathy" in caller.received("INVITE", 420).get("unsupported")

    @pytest.mark.parametrize("offer", ["video-alone", "no-audio-port"])
    def test_no_usable_audio_gets_488_with_a_warning(self, gateway: Gateway, scene: Scene, offer: str) -> None:
        caller = scene.caller("caller-refused", offer, status="488")
        caller.finish()
        assert caller.received("INVITE", 488).get("warning").startswith("3"), "RFC 3261 §20.43: 3xx is about SDP"

    def test_a_number_without_a_route_gets_404(self, gateway: Gateway, scene: Scene) -> None:
        caller = scene.caller("caller-refused", status="404", called="999")
        caller.finish()

    def test_a_body_that_is_not_sdp_gets_415(self, gateway: Gateway, scene: Scene) -> None:
        caller = scene.caller("caller-refused", status="415", content_type="application/x-tar")
        caller.finish()
        assert "application/sdp" in caller.received("INVITE", 415).get("accept")

    def test_broken_sdp_gets_400_or_488(self, gateway: Gateway, scene: Scene) -> None:
        caller = scene.caller("caller-refused", "broken", status="400")
        caller.finish()

    def test_too_many_calls_get_503_with_retry_after(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        make_gateway(max_calls=1)
        centre = scene.centre("centre-answers")
        first = scene.caller("caller-hangs-up", held_ms=TOLD)
        until(first, "INVITE", 200)
        second = scene.caller("caller-refused", name="second", port=5062, status="503")
        second.finish()
        assert int(second.received("INVITE", 503).get("retry-after").split()[0]) > 0
        hang_up(first)
        centre.finish()

    def test_no_free_ports_get_503_with_retry_after(self, make_gateway: Callable[..., Gateway], scene: Scene) -> None:
        # Ports for one call, one of which another program has.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("", 30001))
            make_gateway(first_port=30000, last_port=30003, max_calls=1)
            second = scene.caller("caller-refused", status="503")
            second.finish()
            assert second.received("INVITE", 503).get("retry-after")


class TestStrangers:
    def test_an_unknown_source_gets_silence_and_is_counted(self, gateway: Gateway, scene: Scene) -> None:
        with Sender(scene.desk.stranger, scene.desk.access) as stranger:
            for _ in range(3):
                stranger.send(OPTIONS)
            eventually(lambda: gateway.metric("splitter_sip_unknown_source_total") == 3, "each is counted")
            with Sender(scene.desk.caller, scene.desk.access) as known:
                assert known.ask(OPTIONS).startswith("SIP/2.0 200"), "a known one is answered"
            assert stranger.heard_nothing()
        assert gateway.metric("splitter_sip_unknown_source_total") == 3
        eventually(lambda: scene.desk.stranger in gateway.log, "the log names it")


class TestMalformed:
    def test_what_can_be_answered_gets_400(self, gateway: Gateway, scene: Scene) -> None:
        with Sender(scene.desk.caller, scene.desk.access) as known:
            assert known.ask(OPTIONS.replace("CSeq: 7 OPTIONS", "CSeq: seven OPTIONS")).startswith("SIP/2.0 400")
        eventually(lambda: gateway.metric("splitter_sip_malformed_total") >= 1, "it is counted")
        eventually(lambda: scene.desk.caller in gateway.log, "and logged with its source")

    @pytest.mark.parametrize(
        "text",
        ["\0\1\2 not SIP at all", "INVITE\n\n", "SIP/2.0 200 OK\n\n", OPTIONS.replace("Via", "Viä"), "OPTIONS " * 4000],
        ids=["noise", "a word", "a bare response", "no Via", "a long line"],
    )
    def test_what_cannot_is_dropped_and_counted(self, gateway: Gateway, scene: Scene, text: str) -> None:
        with Sender(scene.desk.caller, scene.desk.access) as known:
            known.send(text)
            eventually(lambda: gateway.metric("splitter_sip_malformed_total") >= 1, "it is counted")
            assert known.ask(OPTIONS).startswith("SIP/2.0 200"), "life goes on, and that had no answer"

    def test_keep_alives_are_no_errors(self, gateway: Gateway, scene: Scene) -> None:
        with Sender(scene.desk.caller, scene.desk.access) as known:
            known.send("\n\n")
            assert known.ask(OPTIONS).startswith("SIP/2.0 200")
        assert gateway.metric("splitter_sip_malformed_total") == 0

    def test_compact_names_folded_lines_and_odd_spacing_are_sip(self, gateway: Gateway, scene: Scene) -> None:
        text = (
            "OPTIONS sip:{gateway} SIP/2.0\nv:SIP / 2.0/UDP\n {host}:{port} ; branch=z9hG4bK-odd\nf : <sip:probe@{host}>\n\t;tag=1\n"
            "t: <sip:{gateway}>\ni:odd@{host}\nCSEQ:  7\n OPTIONS\nMAX-FORWARDS: 70\nl: 0\n\n"
        )
        with Sender(scene.desk.caller, scene.desk.access) as known:
            answer = known.ask(text)
        assert answer.startswith("SIP/2.0 200"), answer
        assert "z9hG4bK-odd" in answer


class TestConfiguration:
    def test_a_bad_one_does_not_start_and_names_everything(self, desk: object, tmp_path: object) -> None:
        import subprocess
        from pathlib import Path

        from tests.interop.gateway import SPLITTER

        file = Path(str(tmp_path)) / "bad.toml"
        file.write_text(
            '[gateway]\nmax_calls = "many"\n[network.access]\nlisten = ["udp:nowhere"]\n[trunk.a]\nrole = "sbc"\n'
        )
        done = subprocess.run(
            [SPLITTER, "run", "-c", str(file)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 1
        said = done.stdout + done.stderr
        for line, word in ((2, "max_calls"), (4, "listen"), (6, "role")):
            assert f"{file}:{line}:" in said and word in said, said
