"""Who is in a call's room besides the caller: agents by SIP or WebRTC, guests; and what may be sent there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

from splitter.calls.asks import Desk
from splitter.calls.states import CameraState, PartyKind, PartyState
from splitter.calls.view import PartyView
from splitter.core.limits import Bucket
from splitter.core.text import plain
from splitter.sdp.model import Origin
from splitter.sdp.video import Limits, VideoFormat, limits_of
from splitter.sdp.webrtc import SecureRemote

MAX_PARTIES = 16
MAX_GUESTS = 4  # of them, and as many experts: whoever has the link must not keep the agents out
# Each transport takes a port, which rests for half a minute when it is closed: who joins and leaves all the time would
# take those of the voice. So everybody may twice at once, and then one of them every two seconds.
TRANSPORT_S = 2.0
_REMEMBERED = 16  # of those that left

# A handset that has not said yet what it receives: level 3.0, which all of them can take.
_UNKNOWN = VideoFormat(0, 1, "42e01e", 30, 1620, 40500, 10000)


@dataclass(slots=True, eq=False)
class Party:
    """A party of a call's room.

    Attributes:
        name: "seat-1", "desk-1", "guest-1", "expert-1" …
        desk: who it is; of a SIP seat the extension alone.
        state, sends, showing: see PartyView.
        remote: its side of a WebRTC transport; None for plain RTP.
        placed: it has its place in the room: what the engine says of its name is about this one.
        met: it was connected before.
        former_ufrag: of its ICE credentials before the last restart; candidates of that time come late.
        lost: its transport is gone for good: it has to join again.
        camera: what its browser says of its camera.
        origin: the o= line of our last answer to it over HTTP; None where nobody remembers it.
        hidden: desks are not shown that it is there.
        lack: what kept it out; see PartyView.
    """

    name: str
    kind: PartyKind
    desk: Desk
    state: PartyState = PartyState.JOINING
    sends: bool = False
    showing: str = "none"
    remote: SecureRemote | None = None
    placed: bool = False
    met: bool = False
    former_ufrag: str = ""
    lost: bool = False
    origin: Origin | None = None
    hidden: bool = False
    camera: CameraState = CameraState.UNKNOWN
    lack: str = ""

    @property
    def direction(self) -> str:
        """What we want of its line: an onlooker is not to be seen."""
        return "sendonly" if self.kind is PartyKind.ONLOOKER else "sendrecv"

    def view(self) -> PartyView:
        """The party as operators see it."""
        extension, title = plain(self.desk.extension), plain(self.desk.title)
        state = (self.state, self.sends, self.showing, title, self.camera)
        return PartyView(self.name, self.kind, extension, self.desk.client, *state, self.hidden, self.lack)


@dataclass(slots=True)
class Parties:
    """The parties of one call.

    Attributes:
        present: by name. gone: the last ones that left.
        seen: how many of each kind of name there have been.
        guests, others: what may be opened by whom.
    """

    present: dict[str, Party] = field(default_factory=dict)
    gone: list[PartyView] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    guests: Bucket = field(default_factory=lambda: Bucket.full(2 * MAX_GUESTS, TRANSPORT_S))
    others: Bucket = field(default_factory=lambda: Bucket.full(2 * MAX_PARTIES, TRANSPORT_S))

    def new_name(self, kind: str) -> str:
        """The name of the next "seat", "desk", "guest" or "expert"."""
        self.seen[kind] = self.seen.get(kind, 0) + 1
        return f"{kind}-{self.seen[kind]}"

    def may_open(self, kind: PartyKind, now: float) -> bool:
        """Permit one more WebRTC transport of a party of this kind; False where there were too many lately."""
        return (self.guests if kind.invited else self.others).permit(now)

    def full(self, kind: PartyKind) -> bool:
        """True where there is no place for another party of this kind."""
        present = self.present.values()
        alike = sum(party.kind == kind for party in present)
        return len(present) >= MAX_PARTIES or (kind.invited and alike >= MAX_GUESTS)

    def admit(self, party: Party) -> None:
        """Take a party in, in the place of one that had its name."""
        self.present[party.name] = party

    def get(self, name: str) -> Party | None:
        return self.present.get(name)

    def of_client(self, desk: Desk) -> Party | None:
        """The party that this client was; a stranger with the same id is another one."""
        if not desk.client:
            return None
        who = (desk.client, desk.extension, desk.kind)
        for party in self.present.values():
            if party.kind != PartyKind.SIP and who == (party.desk.client, party.desk.extension, party.desk.kind):
                return party
        return None

    def remove(self, name: str) -> Party | None:
        """Take a party out; None where nobody has that name."""
        party = self.present.pop(name, None)
        if party is not None:
            party.state, party.sends, party.showing = PartyState.LEFT, False, "none"
            self.gone = [*self.gone, party.view()][-_REMEMBERED:]
        return party

    def all(self) -> tuple[Party, ...]:
        """The parties that are there, or may come back."""
        return tuple(self.present.values())

    def views(self) -> tuple[PartyView, ...]:
        """The parties as operators see them: the last ones that left, then those that are there."""
        gone = {view.name: view for view in self.gone if view.name not in self.present}
        return (*gone.values(), *(party.view() for party in self.present.values()))


def stream_name(party: str, index: int) -> str:
    """The participant that stands for a further stream of a party: what it is shown in this m-line of its offer."""
    return f"{party}.{index}"


def owner_of(participant: str) -> str:
    """The party that a participant is, or whose further stream it is."""
    return participant.partition(".")[0]


@lru_cache(maxsize=256)
def limits_for(received: VideoFormat | None, bitrate_kbps: int) -> Limits:
    """Limits of what may be sent to a caller. Kept, as every view asks for them.

    Args:
        received: the format that the caller receives; None where that is not known yet.
        bitrate_kbps: what we ask for at most.
    """
    return limits_of(replace(received or _UNKNOWN, bitrate_kbps=min(bitrate_kbps, (received or _UNKNOWN).bitrate_kbps)))
