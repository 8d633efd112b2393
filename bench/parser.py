"""How long the SIP parser takes for one message, in µs: `python bench/parser.py`.

Three messages of a call: the INVITE of a ViLTE handset as an SBC forwards it, a 200 with SDP, a BYE; each parsed alone
(in calls never seen, and with the addresses of a dialog that was seen before), and parsed, asked what the transaction
layer asks, and written again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter

from splitter.sip.message import Message
from splitter.sip.parse import parse_message

ROUNDS = 5_000
"""Calls; more than the parser remembers addresses."""

OFFER = """\
v=0
o=- 3841 3841 IN IP4 192.0.2.33
s=-
c=IN IP4 192.0.2.33
b=AS:1001
b=RR:7537
b=RS:8512
t=0 0
m=audio 31018 RTP/AVP 107 106 105 104 101 102
b=AS:41
b=RR:1537
b=RS:512
a=rtpmap:107 AMR-WB/16000
a=fmtp:107 mode-change-capability=2;max-red=0
a=rtpmap:106 AMR-WB/16000
a=fmtp:106 octet-align=1;mode-change-capability=2;max-red=0
a=rtpmap:105 AMR/8000
a=rtpmap:104 AMR/8000
a=rtpmap:101 telephone-event/16000
a=rtpmap:102 telephone-event/8000
a=ptime:20
a=maxptime:240
m=video 37058 RTP/AVP 120 123
b=AS:960
a=tcap:1 RTP/AVPF
a=pcfg:1 t=1
a=rtpmap:123 H264/90000
a=fmtp:123 profile-level-id=42C01F;packetization-mode=1
a=rtcp-fb:* nack pli
a=extmap:7 urn:3gpp:video-orientation
""".replace("\n", "\r\n")

DIALOG = """\
Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK5f0a1d6c7e{call};rport
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKg3Zqkv7i8{call};received=198.51.100.7
From: "+86138{call}" <sip:+86138{call}@ims.example.org;user=phone>;tag=h7g4Esbg_{call}
To: <sip:110@ims.example.org;user=phone>{to_tag}
Call-ID: asbcN3kvc9F8mHq7tz{call}@192.0.2.5
CSeq: 1 {method}
"""

INVITE = """\
INVITE sip:110@203.0.113.10:5060;user=phone SIP/2.0
{dialog}Max-Forwards: 66
Contact: <sip:192.0.2.5:5060;transport=udp>;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";video
Record-Route: <sip:192.0.2.5;lr;ftag=h7g4Esbg>
Accept-Contact: *;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";video
P-Asserted-Identity: "+8613800138000" <sip:+8613800138000@ims.example.org>, <tel:+8613800138000>
P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=460001234567890
P-Charging-Vector: icid-value=0a1b2c3d4e5f.60718293;orig-ioi=ims.example.org
P-Early-Media: supported
Session-ID: 47755a9de7794ba387653f2099600ef2;remote=00000000000000000000000000000000
Session-Expires: 1800;refresher=uac
Min-SE: 90
Supported: 100rel, timer, precondition, histinfo
Allow: INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, INFO, OPTIONS, MESSAGE, NOTIFY, REFER
Accept: application/sdp, application/3gpp-ims+xml
User-Agent: SBC/9.2
Content-Type: application/sdp
Content-Length: {size}

"""

OK = """\
SIP/2.0 200 OK
{dialog}Contact: <sip:203.0.113.10:5060>
Record-Route: <sip:192.0.2.5;lr;ftag=h7g4Esbg>
Supported: timer
Allow: INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS
Content-Type: application/sdp
Content-Length: {size}

"""

BYE = """\
BYE sip:203.0.113.10:5060 SIP/2.0
{dialog}Max-Forwards: 66
Reason: Q.850;cause=16;text="Normal call clearing"
Content-Length: 0

"""


def _filled(template: str, method: str, to_tag: str = "", body: str = "") -> list[bytes]:
    """The message in many calls: numbers, tags and branches differ, so that nothing is found already read."""
    dialogs = [
        DIALOG.format(method=method, to_tag=to_tag.format(call=call), call=f"{call:08}") for call in range(ROUNDS)
    ]
    whole = [template.format(dialog=dialog, size=len(body)).replace("\n", "\r\n") + body for dialog in dialogs]
    return [text.encode() for text in whole]


MESSAGES = {
    "INVITE of ViLTE": _filled(INVITE, "INVITE", body=OFFER),
    "200 with SDP": _filled(OK, "INVITE", ";tag=k3v9x2{call}", OFFER),
    "BYE": _filled(BYE, "BYE", ";tag=k3v9x2{call}"),
}


def use(message: Message) -> bytes:
    """What the transaction and dialog layers ask of every message, and the writing."""
    _ = (message.via.branch, message.via.wants_rport, message.cseq, message.call_id)
    _ = (message.from_tag, message.to_tag, message.contact, message.content_type)
    return message.serialize()


def microseconds(action: Callable[[bytes], object], messages: list[bytes], repeats: int = 5) -> float:
    """The best of several runs: what the machine can do when nobody disturbs it."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(repeats):
            started = perf_counter()
            for data in messages:
                action(data)
            best = min(best, (perf_counter() - started) / len(messages))
    finally:
        gc.enable()
    return best * 1e6


def measure() -> list[tuple[str, float]]:
    """Name and µs per message."""
    rows = []
    for name, messages in MESSAGES.items():
        size = f"{name}, {len(messages[0])} B"
        rows.append((f"{size}: parse", microseconds(parse_message, messages)))
        rows.append((f"{size}: parse, dialog known", microseconds(parse_message, messages[:1] * ROUNDS)))
        rows.append((f"{size}: parse, read, write", microseconds(lambda data: use(parse_message(data)), messages)))
    return rows


if __name__ == "__main__":
    for label, cost in measure():
        print(f"{label:<48} {cost:7.1f} µs")
