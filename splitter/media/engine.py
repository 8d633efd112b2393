"""The media ports under one name, for programs beside the gateway that drive a relay or a room themselves.

The gateway's own modules name the port that they need: `splitter.media.ports`.
"""

from splitter.media.ports.ends import LocalEnd, RemoteEnd, StreamCount
from splitter.media.ports.events import (
    EnginePassedOver,
    KeyFrameWanted,
    MediaEvent,
    MediaListener,
    MediaStarted,
    PictureStopped,
    RelayLost,
    RoomLost,
    SourceShown,
    SourceUnfit,
    SpeakerChanged,
    StrangerHeard,
    TransportChanged,
)
from splitter.media.ports.rooms import (
    CarriedParticipant,
    CarriedRoom,
    ParticipantHandle,
    ParticipantMedia,
    ParticipantReport,
    RoomEngine,
    RoomHandle,
    RoomReport,
    Snapshot,
)
from splitter.media.ports.survivors import Inventory, Survivors
from splitter.media.ports.voice import (
    Capability,
    CarriedRelay,
    Hears,
    MixedSide,
    RelayHandle,
    RelayReport,
    SideHandle,
    SideSpec,
    VoiceEngine,
)

__all__ = [
    "Capability",
    "CarriedParticipant",
    "CarriedRelay",
    "CarriedRoom",
    "EnginePassedOver",
    "Hears",
    "Inventory",
    "KeyFrameWanted",
    "LocalEnd",
    "MediaEvent",
    "MediaListener",
    "MediaStarted",
    "MixedSide",
    "ParticipantHandle",
    "ParticipantMedia",
    "ParticipantReport",
    "PictureStopped",
    "RelayHandle",
    "RelayLost",
    "RelayReport",
    "RemoteEnd",
    "RoomEngine",
    "RoomHandle",
    "RoomLost",
    "RoomReport",
    "SideHandle",
    "SideSpec",
    "Snapshot",
    "SourceShown",
    "SourceUnfit",
    "SpeakerChanged",
    "StrangerHeard",
    "StreamCount",
    "Survivors",
    "TransportChanged",
    "VoiceEngine",
]
