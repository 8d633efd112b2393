"""The numbers of the short way; native/layout.h has the same for the native form. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.rtp.statistics import Arrivals
from splitter.rtp.switch import Numbering

OUTLETS = 4
"""Viewers of one stream whose packets take the short way; where there are more, all take the long one."""

PACKET_LIMIT = 2048
"""Bytes of a packet that takes the short way."""


@dataclass(slots=True, eq=False)
class Coming(Arrivals):
    """What comes from a participant.

    Attributes:
        generation: moves when something has changed that `settled` and `admitted` were judged by.
        settled: the generation in which the next packet of its stream was found to need no thought; 0: in none.
        admitted: the generation in which the wire last believed a packet's source at sight; 0: in none.
        payload_type: that is expected; -1: none.
        packets, octets, pictures: taken so far; octets of payload alone.
        last_at: when the latest packet came. opened_at: when the latest one was decrypted here.
        timestamp, marker: of the latest packet; mended where the source does not tell. late: it was overtaken.
        filled: it had something to show.
        suspected: a packet of a stream that may begin anew is held back.
        picture_timestamp, picture_after: the picture that was looked into last, and the packet before it.
    """

    generation: int = 1
    settled: int = 0
    admitted: int = 0
    payload_type: int = -1
    packets: int = 0
    octets: int = 0
    pictures: int = 0
    last_at: float = 0.0
    opened_at: float = 0.0
    timestamp: int = 0
    marker: bool = False
    late: bool = False
    filled: bool = False
    suspected: bool = False
    picture_timestamp: int = -1
    picture_after: int = 0


@dataclass(slots=True, eq=False)
class LaneNumbers:
    """The numbers of what a port of a relay takes in.

    Attributes:
        generation: moves when something has changed that `settled` was judged by.
        settled: the generation in which its packets were found to need no thought; 0: in none.
        packets, bytes: taken in.
    """

    generation: int = 1
    settled: int = 0
    packets: int = 0
    bytes: int = 0


@dataclass(slots=True, eq=False)
class Playing:
    """The numbers of a still that is played.

    Attributes:
        group, index: of the picture that is next.
        due: when that is. key_at: when the latest key frame went.
    """

    group: int = 0
    index: int = 0
    due: float = 0.0
    key_at: float = -1e9


@dataclass(slots=True, eq=False)
class Going(Numbering):
    """What goes to a participant.

    Attributes:
        generation: moves when a packet of what it is shown needs thought for another reason than its numbers.
        payload_type: that it goes with. payload_limit: bytes of payload that fit into a packet.
        unnamed: packets that are still to say to which m-line they belong.
        port: where it goes; 0: nowhere.
        packets, octets: sent; octets of payload alone.
        orientation_due: the next end of a picture says how it is turned.
        open_timestamp: of the picture under way; -1 between pictures.
        tapped: somebody takes copies of what is sent.
        playing: of the still that it is shown, if it is.
    """

    generation: int = 1
    payload_type: int = 0
    payload_limit: int = 0
    unnamed: int = 0
    port: int = 0
    packets: int = 0
    octets: int = 0
    orientation_due: bool = False
    open_timestamp: int = -1
    tapped: bool = False
    playing: Playing = field(default_factory=Playing)
