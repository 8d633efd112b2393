"""All verbs, and all that answers them, for those who read messages."""

from __future__ import annotations

from typing import Any

from splitter.media.worker.verbs.add_side import AddSide
from splitter.media.worker.verbs.ask_sender import AskSender
from splitter.media.worker.verbs.close_adapter import CloseAdapter
from splitter.media.worker.verbs.close_relay import CloseRelay
from splitter.media.worker.verbs.close_room import CloseRoom
from splitter.media.worker.verbs.inventory import ListHoldings
from splitter.media.worker.verbs.join import JoinRoom
from splitter.media.worker.verbs.join_beside import JoinBeside
from splitter.media.worker.verbs.join_secure import JoinSecure
from splitter.media.worker.verbs.leave import Leave
from splitter.media.worker.verbs.open_adapter import OpenAdapter
from splitter.media.worker.verbs.open_relay import OpenRelay
from splitter.media.worker.verbs.open_room import OpenRoom
from splitter.media.worker.verbs.process import AwaitVideo, DrawSlate, Hello, Ping, Renew, Shutdown
from splitter.media.worker.verbs.put_picture import PutPicture
from splitter.media.worker.verbs.remove_side import RemoveSide
from splitter.media.worker.verbs.report_relay import ReportRelay
from splitter.media.worker.verbs.report_room import ReportRoom
from splitter.media.worker.verbs.request_key_frame import RequestKeyFrame
from splitter.media.worker.verbs.restart_adapter import RestartAdapter
from splitter.media.worker.verbs.restart_ice import RestartIce
from splitter.media.worker.verbs.restore_relay import RestoreRelay
from splitter.media.worker.verbs.restore_room import RestoreRoom
from splitter.media.worker.verbs.send_digit import SendDigit
from splitter.media.worker.verbs.set_adapter import SetAdapter
from splitter.media.worker.verbs.set_participant import SetParticipant
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.media.worker.verbs.set_who_hears import SetWhoHears
from splitter.media.worker.verbs.show import ShowSource
from splitter.media.worker.verbs.take_snapshot import TakeRoomSnapshot
from splitter.media.worker.verbs.tap_media import TapMedia
from splitter.media.worker.verbs.verb import Failed, Message, Verb

VERBS: tuple[type[Verb[Any]], ...] = (
    AddSide,
    AskSender,
    RemoveSide,
    SetWhoHears,
    CloseAdapter,
    CloseRelay,
    CloseRoom,
    ListHoldings,
    JoinRoom,
    JoinSecure,
    JoinBeside,
    Leave,
    OpenAdapter,
    OpenRelay,
    OpenRoom,
    AwaitVideo,
    DrawSlate,
    Renew,
    Hello,
    Ping,
    Shutdown,
    PutPicture,
    ReportRelay,
    TapMedia,
    ReportRoom,
    RequestKeyFrame,
    RestartAdapter,
    RestartIce,
    RestoreRelay,
    RestoreRoom,
    SendDigit,
    SetAdapter,
    SetParticipant,
    SetRemote,
    ShowSource,
    TakeRoomSnapshot,
)
ANSWERS: tuple[type[Message], ...] = (
    Failed,
    *dict.fromkeys(
        answer for verb in VERBS for answer in (verb.answer if isinstance(verb.answer, tuple) else (verb.answer,))
    ),
)
