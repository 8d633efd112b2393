"""What calls need of the rest of the program."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.calls.browsers.switch import Browsers
from splitter.calls.bus import Bus
from splitter.calls.desks import Desks
from splitter.calls.persistence.epochs import Epochs
from splitter.calls.persistence.records import Records
from splitter.calls.pictures import NoPictures, PictureSource
from splitter.calls.recording.recordings import LiveRecordings, NoRecordings
from splitter.calls.routing import Routing
from splitter.calls.settings import CallSettings
from splitter.calls.signalling import Signalling
from splitter.calls.trunks.admission import Admission
from splitter.calls.trunks.strangers import TrunkStrangers
from splitter.calls.trunks.trunks import Trunks
from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.media.ports.mosaics import MosaicEngine, NoMosaics
from splitter.media.ports.rooms import RoomEngine
from splitter.media.ports.voice import VoiceEngine
from splitter.telemetry.trace import Recorder


@dataclass(slots=True)
class Services:
    """What a call needs of the rest of the program; `settings` may change while it lives."""

    driver: Signalling
    voice: VoiceEngine
    rooms: RoomEngine
    recorder: Recorder
    clock: Clock
    ids: IdSource
    routing: Routing
    settings: CallSettings
    bus: Bus  # is told each new CallView, and each Notice
    trunks: Trunks = field(default_factory=Trunks)
    admission: Admission = field(default_factory=Admission)
    pictures: PictureSource = field(default_factory=NoPictures)
    desks: Desks = field(default_factory=Desks)
    records: Records = field(default_factory=Records)
    strangers: TrunkStrangers = field(default_factory=TrunkStrangers)
    browsers: Browsers = field(default_factory=Browsers)
    mosaics: MosaicEngine = field(default_factory=NoMosaics)
    recordings: LiveRecordings = field(default_factory=NoRecordings)
    node: str = ""  # of several gateways, this one
    boot: str = ""  # names the steady clock, where other processes have the same; see `calls.persistence.epochs`
    epochs: Epochs = field(init=False)

    def __post_init__(self) -> None:
        self.epochs = Epochs(self.clock, self.boot)
