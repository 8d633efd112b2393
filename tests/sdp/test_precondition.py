"""Preconditions: RFC 3312 and RFC 4032 as TS 24.229 uses them, segmented status only."""

from __future__ import annotations

import pytest

from splitter.sdp.model import Attribute, Media, Session
from splitter.sdp.parse import parse
from splitter.sdp.precondition import (
    answer_lines,
    met,
    offered,
    with_offered,
    with_preconditions,
    without_preconditions,
)
from splitter.sdp.write import write

IMS = """\
a=curr:qos local none
a=curr:qos remote none
a=des:qos mandatory local sendrecv
a=des:qos optional remote sendrecv
"""
READY = IMS.replace("local none", "local sendrecv")


def media(lines: str, kind: str = "audio", port: int = 4000) -> Media:
    (line,) = session((kind, port, lines)).media
    return line


def session(*lines: tuple[str, int, str]) -> Session:
    text = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
    return parse(text + "".join(f"m={kind} {port} RTP/AVP 8\n{attributes}" for kind, port, attributes in lines))


def answered(lines: str) -> list[str]:
    return [f"{name}:{value}" for name, value in answer_lines(media(lines))]


class TestOffered:
    def test_by_its_current_status(self) -> None:
        assert offered(media(IMS))
        assert not offered(media("a=ptime:20\n"))

    def test_end_to_end_status_is_not_ours(self) -> None:
        line = media("a=curr:qos e2e none\na=des:qos mandatory e2e sendrecv\n")
        assert not offered(line)
        assert answer_lines(line) == ()

    @pytest.mark.parametrize("lines", ["a=curr\n", "a=curr:\n", "a=curr:qos\n", "a=curr:rsvp local none\n"])
    def test_what_cannot_be_read_is_none(self, lines: str) -> None:
        assert not offered(media(lines))


class TestSection5_Met:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("", True),
            (IMS, False),
            (READY, True),
            (IMS.upper().replace("A=CURR", "a=curr").replace("A=DES", "a=des"), False),
            ("a=des:qos mandatory local sendrecv\n", False),  # nothing is said of the present
            ("a=curr:qos local none\na=des:qos optional local sendrecv\n", True),
            ("a=curr:qos local none\na=des:qos none local sendrecv\n", True),
            ("a=curr:qos local none\na=des:qos mandatory remote sendrecv\n", True),  # ours, and we are ready
            ("a=curr:qos local send\na=des:qos mandatory local sendrecv\n", False),
            ("a=curr:qos local send\na=des:qos mandatory local send\n", True),
            ("a=curr:qos local recv\na=des:qos mandatory local send\n", False),
            ("a=curr:qos local sendrecv\na=des:qos mandatory local send\na=des:qos mandatory local recv\n", True),
            ("a=curr:qos local send\na=des:qos mandatory local send\na=des:qos mandatory local recv\n", False),
            ("a=curr:qos local none\na=des:qos mandatory local none\n", True),
            ("a=curr:qos local sideways\na=des:qos mandatory local sendrecv\n", False),
        ],
    )
    def test_of_one_line(self, lines: str, expected: bool) -> None:
        assert met(session(("audio", 4000, lines))) is expected

    def test_every_line_in_use_counts(self) -> None:
        assert not met(session(("audio", 4000, READY), ("video", 5000, IMS)))
        assert met(session(("audio", 4000, READY), ("video", 5000, READY)))

    def test_a_refused_line_does_not(self) -> None:
        assert met(session(("audio", 4000, READY), ("video", 0, IMS)))


class TestSection6_Answer:
    def test_we_are_ready_and_ask_to_be_told(self) -> None:
        assert answered(IMS) == [
            "curr:qos local sendrecv",
            "curr:qos remote none",
            "des:qos mandatory local sendrecv",
            "des:qos mandatory remote sendrecv",
            "conf:qos remote sendrecv",
        ]

    def test_no_confirmation_is_asked_for_once_the_peer_is_ready(self) -> None:
        assert answered(READY) == [
            "curr:qos local sendrecv",
            "curr:qos remote sendrecv",
            "des:qos mandatory local sendrecv",
            "des:qos mandatory remote sendrecv",
        ]

    def test_what_is_optional_for_the_peer_does_not_become_mandatory(self) -> None:
        lines = answered("a=curr:qos local none\na=des:qos optional local sendrecv\n")
        assert "des:qos optional remote sendrecv" in lines
        assert not [line for line in lines if line.startswith("conf")]

    def test_without_a_wish_the_peers_side_counts_as_wanted_both_ways(self) -> None:
        assert "des:qos mandatory remote sendrecv" in answered("a=curr:qos local none\na=curr:qos remote none\n")

    def test_send_and_recv_change_over(self) -> None:
        """Section 4: each side speaks from its own point of view."""
        assert answered("a=curr:qos local send\na=des:qos mandatory local send\na=des:qos mandatory local recv\n") == [
            "curr:qos local sendrecv",
            "curr:qos remote recv",
            "des:qos mandatory local sendrecv",
            "des:qos mandatory remote recv",
            "des:qos mandatory remote send",
            "conf:qos remote sendrecv",
        ]

    def test_confirmation_of_one_direction(self) -> None:
        assert answered("a=curr:qos local none\na=des:qos mandatory local send\n")[-1] == "conf:qos remote recv"

    def test_no_preconditions_no_lines(self) -> None:
        assert answered("a=ptime:20\n") == []


class TestWithPreconditions:
    def test_each_line_in_use_gets_its_own(self) -> None:
        offer = session(("audio", 4000, READY), ("video", 5000, IMS), ("application", 6000, ""), ("text", 7000, IMS))
        plain = session(("audio", 9000, ""), ("video", 9002, ""), ("application", 9004, ""), ("text", 0, ""))
        answer = with_preconditions(offer, plain)
        assert [len(line.get_all("curr")) for line in answer.media] == [2, 2, 0, 0]
        assert [line.has("conf") for line in answer.media] == [False, True, False, False]
        assert parse(write(answer)) == answer

    def test_what_the_answer_had_stays_in_front(self) -> None:
        answer = with_preconditions(session(("audio", 4000, IMS)), session(("audio", 9000, "a=ptime:20\n")))
        assert answer.media[0].attributes[0] == Attribute("ptime", "20")

    def test_the_peers_confirmation_completes_it(self) -> None:
        """RFC 3312 §7: the caller says in UPDATE that it has its resources, and nothing is left to wait for."""
        assert not met(session(("audio", 4000, IMS)))
        update = session(("audio", 4000, READY.replace("remote none", "remote sendrecv")))
        assert met(update)
        (line,) = with_preconditions(update, session(("audio", 9000, ""))).media
        assert not line.has("conf")
        assert line.get_all("curr") == ["qos local sendrecv", "qos remote sendrecv"]


class TestOffersOfOurs:
    """A line that is added to a running session: ours is ready, the peer reserves and tells (RFC 3312 §5)."""

    def test_say_what_runs_and_what_is_new(self) -> None:
        offer = with_offered(session(("audio", 4000, IMS), ("video", 5000, ""), ("video", 0, "")), new=1)
        status = [[item.value for item in line.attributes if item.name == "curr"] for line in offer.media]
        assert status == [
            ["qos local sendrecv", "qos remote sendrecv"],
            ["qos local sendrecv", "qos remote none"],
            [],
        ]
        assert [item.value for item in offer.media[1].attributes if item.name == "des"] == [
            "qos mandatory local sendrecv",
            "qos optional remote sendrecv",
        ]

    def test_leave_nothing_behind(self) -> None:
        plain = session(("audio", 4000, ""), ("video", 5000, ""))
        assert without_preconditions(with_offered(plain, 1)) == plain
        assert without_preconditions(plain) is plain
