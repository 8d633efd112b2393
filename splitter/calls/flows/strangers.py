"""Media from where SDP did not say, while the peer sends nothing: everybody should know why nobody hears them.

Pure.
"""

from __future__ import annotations

from splitter.calls.talk.commands import Note, Notify, Steps, Tell, WarnOfStranger
from splitter.calls.talk.live import LiveCall
from splitter.calls.view import StrangerView
from splitter.core.errors import PeerError
from splitter.media.ports.events import KeysDoubted, MediaStarted, StrangerHeard
from splitter.sdp.model import Session

_WORDS = {"audio": "voice", "video": "picture"}


def on_stranger(call: LiveCall, event: StrangerHeard) -> Steps[None]:
    """Tell the trace, the desks, whoever looks at the call, and the operator of the trunk."""
    leg = call.leg(event.end)
    if leg is None:
        return  # it has left meanwhile
    source, named = str(event.source), _named(leg.terms.remote, event.kind)
    call.talk.strangers[event.end, event.kind] = StrangerView(event.end, event.kind, source, named, event.packets)
    trunk = leg.trunk
    what = f"the {_WORDS[event.kind]} of the {event.end}"
    yield Note(
        f"{what} does not come: {event.packets} packets came from {source}, "
        f"which its SDP does not name ({named}) and media_sources of trunk {trunk.name} "
        f'("{trunk.media_sources}") does not allow',
        event.end,
    )
    # Addresses of the network are no business of desks; see `web.access.privacy`.
    yield Notify("media-from-stranger", f"{what} comes from where its SDP does not say, and is not taken", event.end)
    yield Tell()
    yield WarnOfStranger(trunk.name, source, named)


def on_doubted_keys(call: LiveCall, event: KeysDoubted) -> Steps[None]:
    """Tell the trace that nothing of a peer can be decrypted."""
    if call.leg(event.end) is None:
        return
    what = f"the {_WORDS[event.kind]} of the {event.end}"
    words = f"{what} cannot be decrypted: packets come from {event.source}, by other keys than its SDP told"
    yield Note(words, event.end, "alarm")


def on_known(call: LiveCall, event: MediaStarted) -> Steps[None]:
    """The peer is heard after all."""
    if call.talk.strangers.pop((event.end, event.kind), None) is not None:
        yield Tell()


def _named(remote: Session | None, kind: str) -> str:
    """Where a description says that media of a kind are received; "nothing yet" where it says nothing."""
    for index, line in enumerate(remote.media if remote is not None else ()):
        if remote is not None and line.kind == kind and line.port:
            try:
                host, port, _ = remote.address_of(index)
            except PeerError:
                continue
            return f"{host}:{port}"
    return "nothing yet"
