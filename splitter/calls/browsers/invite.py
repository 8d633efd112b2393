"""A web call as an INVITE: that is how calls begin, and what an identity is read from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from splitter.core.net import Address, Flow
from splitter.core.text import plain
from splitter.sdp.model import Session
from splitter.sdp.write import write
from splitter.sip.events import RequestArrived
from splitter.sip.message import Headers, Request
from splitter.sip.uri import NameAddr

TRANSPORT = "web"
"""The name that stands for the transport in the flow of a web caller."""

_USER = "-_.!~*'()&=+$,"


@dataclass(frozen=True, slots=True)
class WebCaller:
    """A caller who has a browser.

    Attributes:
        number: what it calls. customer: as your own system knows the caller; "" for nobody that is known.
        name: for people. source: the browser's address.
    """

    number: str
    customer: str = ""
    name: str = ""
    language: str = ""
    source: str = ""


def as_invite(caller: WebCaller, call_id: str, network: str, here: Address, offer: Session) -> RequestArrived:
    """The INVITE of a web call, as if it had come by SIP.

    Args:
        here: our address that its media come to.
        offer: the plain one.
    """
    host = "anonymous.invalid" if not caller.customer else "web.invalid"
    user = quote(caller.customer, _USER) or "anonymous"
    uri = f"sip:{quote(caller.number, _USER)}@{here}"
    lines = [
        ("Max-Forwards", "70"),
        ("From", f"{NameAddr(plain(caller.name), f'sip:{user}@{host}')};tag={call_id}"),
        ("To", f"<{uri}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        ("Contact", f"<sip:{user}@{host}>;audio;video"),
        ("Content-Type", "application/sdp"),
    ]
    request = Request("INVITE", uri, Headers(lines), write(offer))
    flow = Flow(network, TRANSPORT, here, Address(caller.source or here.host, 0))
    return RequestArrived(f"web {call_id}", request, flow)


def farewell(call_id: str, reason: str) -> Request:
    """A browser's goodbye, as the BYE that flows read."""
    lines = [("Call-ID", call_id), ("Reason", f'X-Web;text="{reason}"')]
    return Request("BYE", "sip:web.invalid", Headers(lines))
