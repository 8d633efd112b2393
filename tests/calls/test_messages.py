"""What bodies an INVITE may bring (RFC 3261 §8.2.3, RFC 5621 §4)."""

import pytest

from splitter.calls.peers.messages import Refusal, refuse_unknown_bodies
from splitter.sip.headers import Headers
from splitter.sip.message import Request

SDP = "Content-Type: application/sdp\r\n\r\nv=0"


def invite(content_type: str, body: str) -> Request:
    headers = [("Content-Type", content_type)] if content_type else []
    return Request("INVITE", "sip:1@h", Headers(headers), body.encode())


def mixed(*parts: str) -> Request:
    return invite("multipart/mixed;boundary=b", "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n")


class TestUnknownBodies:
    @pytest.mark.parametrize(
        "request_",
        [
            invite("", ""),
            invite("application/sdp", "v=0"),
            mixed("Content-Type: application/pidf+xml\r\n\r\n<presence/>", SDP),
            mixed("Content-Type: application/x-tar\r\n\r\nx", SDP),
            mixed("Content-Type: application/x-tar\r\nContent-Disposition: render;handling=optional\r\n\r\nx", SDP),
            mixed("Content-Type: application/pidf+xml\r\n\r\n<presence/>"),
        ],
        ids=["none", "sdp", "location", "unknown beside sdp", "optional", "location alone: our offer is wanted"],
    )
    def test_stop_no_call_where_they_need_not_be_understood(self, request_: Request) -> None:
        refuse_unknown_bodies(request_)

    @pytest.mark.parametrize(
        "request_",
        [
            invite("application/x-tar", "x"),
            mixed("Content-Type: application/x-tar\r\n\r\nx"),
            mixed("Content-Type: application/x-tar\r\nContent-Disposition: render;handling=required\r\n\r\nx", SDP),
        ],
        ids=["alone", "in parts", "beside sdp, said to be required"],
    )
    def test_get_415_and_what_is_accepted(self, request_: Request) -> None:
        with pytest.raises(Refusal) as caught:
            refuse_unknown_bodies(request_)
        assert caught.value.status == 415
        assert caught.value.headers == (("Accept", "application/sdp"),)
