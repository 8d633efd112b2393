"""Digits in INFO do not stand in traces."""

from __future__ import annotations

from base64 import encodebytes

import pytest

from splitter.sip.parse import parse_message
from splitter.telemetry.masking import masked, without_keys
from splitter.telemetry.trace import Recorder
from tests.calls.kit import connected, ended
from tests.telemetry.kit import FLOW, ListSink, VirtualClock
from tests.world import World


def info(kind: str, body: str, method: str = "INFO", name: str = "Content-Type") -> bytes:
    lines = [
        f"{method} sip:1234@10.0.0.9 SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
        "From: <sip:13800138000@x>;tag=1",
        "To: <sip:110@x>;tag=2",
        "Call-ID: a@x",
        f"CSeq: 2 {method}",
        f"{name}: {kind}",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def shown(data: bytes) -> tuple[bytes, bytes]:
    """Head and body of what the trace has."""
    head, _, body = masked(parse_message(data), data).partition(b"\r\n\r\n")
    return head, body


SECRETS = [
    ("application/dtmf-relay", "Signal=7\r\nDuration=160\r\n"),
    ("application/dtmf-relay", "Signal= 7\r\nDuration= 160\r\n"),
    ("application/dtmf-relay", "signal=*\nduration=160"),
    ("application/dtmf-relay", "Signal=A\r\n"),
    ("APPLICATION/DTMF-Relay;x=y", "Signal=7\r\n"),
    ("application/dtmf", "7"),
    ("application/dtmf", "D"),
    ("audio/telephone-event", "7"),
    ("application/vnd.nortelnetworks.digits", "p=Digit-Collection\r\ny=Digits\r\nd=7#\r\n"),
    ("application/kpml-response+xml", '<kpml-response version="1.0" code="200" digits="7#" tag="x"/>'),
    ("multipart/mixed;boundary=b", "--b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\n--b--"),
    ("text/plain", "7"),
]


class TestMasking:
    @pytest.mark.parametrize(("kind", "body"), SECRETS)
    def test_leaves_no_key_and_the_rest_as_it_was(self, kind: str, body: str) -> None:
        data = info(kind, body)
        head, left = shown(data)
        assert head == data.partition(b"\r\n\r\n")[0], "numbers in headers are no digits that were pressed"
        assert len(left) == len(body)
        assert not set(left) & set(b"789*#")
        assert b"=A" not in left and left not in (b"7", b"D")

    def test_leaves_none_in_a_coded_part(self) -> None:
        coded = encodebytes(b"Signal=7\r\n").decode()
        part = "--b\r\nContent-Type: application/dtmf-relay\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        data = info("multipart/mixed;boundary=b", f"{part}{coded}--b--")
        _, _, left = shown(data)[1].partition(b"\r\n\r\n")
        assert left == b"x" * (len(coded) - 1) + b"\n--b--"

    def test_knows_the_short_name_of_the_header(self) -> None:
        assert shown(info("application/dtmf-relay", "Signal=7\r\n", name="c"))[1] == b"Signal=x\r\n"

    def test_of_bare_line_feeds(self) -> None:
        data = info("application/dtmf-relay", "Signal=7\n").replace(b"\r\n", b"\n")
        assert b"Signal=x" in masked(parse_message(data), data)

    @pytest.mark.parametrize(
        ("kind", "body", "method"),
        [
            ("application/media_control+xml", '<?xml version="1.0"?>', "INFO"),
            ("application/sdp", "v=0\r\n", "INVITE"),
            ("application/dtmf-relay", "", "INFO"),
        ],
    )
    def test_leaves_alone_what_has_none(self, kind: str, body: str, method: str) -> None:
        data = info(kind, body, method)
        assert masked(parse_message(data), data) is data


class TestTraces:
    @pytest.mark.parametrize(("keep", "seen"), [(False, b"Signal=x"), (True, b"Signal=7")])
    def test_have_them_only_where_the_operator_says_so(self, keep: bool, seen: bytes) -> None:
        sink = ListSink()
        recorder = Recorder(sink, VirtualClock(), keep)
        data = info("application/dtmf-relay", "Signal=7\r\n")
        recorder.message("in", FLOW, parse_message(data), data)
        recorder.bind("a@x", "call", "caller")
        assert seen in sink.events[0].data

    def test_of_a_call_on_neither_leg(self) -> None:
        with World() as world:
            caller, centre = connected(world)
            call = world.call_of(caller)
            body = b"Signal=7\r\nDuration=250\r\n"
            caller.request("INFO", [], body, "application/dtmf-relay")
            caller.expect("200 INFO")
            world.run(0.5)
            events = world.traces[call.talk.call_id]
            told = [event for event in events if event.text == "INFO"]
            assert told and all(b"Signal=x" in event.data for event in told)
            assert not [event for event in events if "7" in event.text and "digit" in event.text]
            centre.unread.clear()
            ended(world, caller, centre)


def test_what_is_coded_so_that_nobody_can_read_it_is_let_alone() -> None:
    data = b"INVITE sip:1@h SIP/2.0\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nA===\r\n--b--\r\n"
    assert without_keys(data) == data


@pytest.mark.parametrize(("said", "kept"), [(b"a=crypto:1 AES inline:secret", False), (b"a=sendrecv", True)])
def test_keys_in_a_coded_part_are_covered(said: bytes, kept: bool) -> None:
    lines = encodebytes(b"v=0\r\n" + b"a=x\r\n" * 20 + said)
    head = b"--b\r\nContent-Transfer-Encoding: Base64\r\nContent-Type: application/sdp\r\n\r\n"
    data = b"INVITE sip:1@h SIP/2.0\r\nl: 1\r\n\r\n" + head + lines + b"--b--\r\n"
    covered = without_keys(data)
    assert (
        len(covered) == len(data) and covered.startswith(data[: data.index(lines)]) and covered.endswith(b"--b--\r\n")
    )
    assert (covered == data) is kept and (lines.split()[-1] in covered) is kept


@pytest.mark.parametrize("said", [b"Authorization: Bearer", b"authorization:bEARer", b"AUTHORIZATION :\tBEARER"])
def test_the_token_of_a_bearer_is_covered_however_it_is_written(said: bytes) -> None:
    data = b"INVITE sip:1@h SIP/2.0\r\n" + said + b" secret\r\nSubject: secret\r\n\r\n"
    assert without_keys(data) == data.replace(said + b" secret", said + b" xxxxxx")
