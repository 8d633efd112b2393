"""Which transaction a message belongs to, and where responses go (RFC 3261 §17.1.3, §17.2.3, §18.2; RFC 3581). Pure."""

from __future__ import annotations

from splitter.core.net import Address, Flow
from splitter.sip.events import TransactionId
from splitter.sip.message import Request, Response
from splitter.sip.via import Via

_COOKIE = "z9hg4bk"
_DEFAULT_PORT = 5060


def client_key(branch: str, method: str) -> TransactionId:
    """The key of a request that we send."""
    return f">{branch} {method}"


def branch_of(txn: TransactionId) -> str:
    """The branch of a request that we sent, for `Endpoint.resume`."""
    return txn[1:].partition(" ")[0]


def response_key(response: Response) -> TransactionId:
    """The key of the request that this response answers (§17.1.3: branch of the top Via, method of CSeq).

    Raises:
        PeerError: Via or CSeq cannot be read.
    """
    return f">{response.via.branch} {response.cseq[1]}"


def server_key(request: Request, method: str | None = None) -> TransactionId:
    """The key of a request that we got (§17.2.3).

    Args:
        method: look for this one instead of the request's own: INVITE for an ACK or a CANCEL.
    Raises:
        PeerError: Via cannot be read, or for a peer of RFC 2543 one of the other fields.
    """
    via = request.via
    branch = via.branch
    method = method or request.method
    if branch is not None and branch[:7].lower() == _COOKIE:
        return f"<{branch} {via.host.lower()}:{via.port or _DEFAULT_PORT} {method}"
    # RFC 2543 has no such branch: the fields that stay the same over retransmissions stand in. The To tag is left out,
    # because the ACK carries that of our response; Call-ID, From tag and CSeq tell transactions apart without it.
    call_id, number, from_tag = request.call_id, request.cseq[0], request.from_tag
    return f"<2543 {request.uri} {from_tag} {call_id} {number} {via} {method}"


def stamp(request: Request, flow: Flow) -> None:
    """Write into the top Via where the request really came from (§18.2.1, RFC 3581 §4), before it is answered.

    `received` is added where the sent-by host is not the source address, and always beside an `rport`.
    """
    via = request.via
    host = flow.remote.host
    if via.wants_rport:
        request.headers.set_top("Via", str(via.with_params(received=host, rport=str(flow.remote.port))))
    elif via.host != host:
        request.headers.set_top("Via", str(via.with_params(received=host)))


def reply_flow(via: Via, flow: Flow) -> Flow:
    """Where the responses to a request go (§18.2.2, RFC 3581 §4).

    Over a connection: the way it came. Over UDP: to its source address; to its source port if the peer asked for that
    with `rport`, else to the port of sent-by. `maddr` is not obeyed: it would let a peer aim our responses at others.
    """
    if flow.transport != "udp" or via.wants_rport:
        return flow
    port = via.port or _DEFAULT_PORT
    return flow if port == flow.remote.port else flow._replace(remote=Address(flow.remote.host, port))
