"""A WebRTC party sees others in streams of their own, beside what it is shown itself: one session, several m-lines.

The client offers, always: it says which lines it has and whom each is to show, and the gateway answers. So there is no
glare, and what is lost on the way is asked for once more. Pure.
"""

from __future__ import annotations

from splitter.calls.asks import Asked, Denial, Watched, WatchOthers
from splitter.calls.events import StreamsOpened
from splitter.calls.parties import MAX_PARTIES, Party, owner_of
from splitter.calls.states import PartyKind, Side
from splitter.calls.talk.commands import AnswerAsk, DenyAsk, Note, Steps
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import OpenStreams
from splitter.core.errors import PeerError
from splitter.sdp.model import Session
from splitter.sdp.video import SECURE, choose_video
from splitter.sdp.webrtc import choose_secure, read_secure, resolved

MOST_STREAMS = 64
"""Of one call: eight who all see each other. Each costs a worker as much as a viewer does."""


def watch_others(call: LiveCall, asked: Asked, ask: WatchOthers) -> Steps[None]:
    """Begin to show a party what it wants to see; it names all of it each time."""
    party = _watcher(call, ask.party)
    offer = resolved(ask.offer)
    index = _line_of_before(party, offer)
    wanted = tuple(_wanted(call, party, offer, index, ask.streams))
    others = call.talk.room.streams - len(call.talk.room.streams_of(party.name))
    if len(wanted) > MAX_PARTIES or others + len(wanted) > MOST_STREAMS:
        raise Denial(409, "full", "as many streams as can be are shown in the call")
    yield OpenStreams(asked, party, offer, wanted)


def on_streams_opened(call: LiveCall, event: StreamsOpened) -> Steps[None]:
    """Keep what is shown to whom, and answer the client."""
    asked, party, answer = event.watch, event.party, event.answer
    if call.talk.parties.get(party.name) is not party:
        yield DenyAsk(asked, 404, "no-such-party", f"{party.name} has left")
        return
    if isinstance(answer, Denial):
        yield DenyAsk(asked, answer.status, answer.code, str(answer))
        return
    party.origin = answer.origin
    forget_streams(call, party.name)
    call.talk.room.choices.update(event.shown)
    sees = ", ".join(source for _, source in event.shown)
    yield Note(f"sees {sees or 'nobody'} in streams of their own", party.name)
    yield AnswerAsk(asked, Watched(answer, event.streams))


def forget_streams(call: LiveCall, name: str) -> None:
    """What a party saw in further streams counts no more: it has left, comes anew, or wants others."""
    choices = call.talk.room.choices
    for viewer in [viewer for viewer in choices if viewer != name and owner_of(viewer) == name]:
        del choices[viewer]


def _watcher(call: LiveCall, name: str) -> Party:
    party = call.talk.parties.get(name)
    if party is None or party.remote is None or party.kind is PartyKind.SIP:
        raise Denial(404, "no-such-party", f"no browser is named {name[:40]!r}")
    if party.lost or not party.placed:
        raise Denial(409, "media-lost", f"{party.name} has no transport: join again")
    if party.kind is PartyKind.GUEST:
        raise Denial(409, "one-stream", "the caller's own browser sees what is chosen for the caller")
    return party


def _line_of_before(party: Party, offer: Session) -> int:
    """The index of the line that it has joined with. Raises Denial where the transport would be another one."""
    try:
        index, _ = choose_secure(offer)
        remote = read_secure(offer, index)
    except PeerError as error:
        raise Denial(422, "bad-offer", error.reason) from None
    before = party.remote
    if before is None or set(remote.fingerprints) != set(before.fingerprints):
        raise Denial(409, "media-lost", "that is another transport: join again")
    if (remote.ufrag, remote.password) != (before.ufrag, before.password):
        raise Denial(409, "ice-changed", "ICE is being restarted: end that first")
    return index


def _wanted(
    call: LiveCall, party: Party, offer: Session, first: int, streams: tuple[tuple[str, str], ...]
) -> list[tuple[int, str]]:
    """Lines with their sources; a line whose source has just left is left idle."""
    places = {mid: at for at, media in enumerate(offer.media) if (mid := media.get("mid"))}
    found: dict[int, str] = {}
    for mid, source in streams:
        at = places.get(mid, -1)
        if at < 0 or at == first or at in found or not offer.media[at].port:
            raise Denial(422, "bad-offer", f"no line of its own has the mid {mid[:20]!r}")
        if choose_video(offer.media[at], offer.attributes, SECURE) is None:
            raise Denial(422, "bad-offer", f"the line with the mid {mid[:20]!r} has no H.264 baseline")
        if source != party.name and (source == Side.CALLER or call.talk.parties.get(source) is not None):
            found[at] = source
    return list(found.items())
