"""Settings of recording. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem
from splitter.media.record.place import StorePlace, is_place
from splitter.media.record.rules import CallRules

KINDS = ("desk", "guest", "expert", "phone")
"""The participants who can be left out of recordings."""


def _parse_kind(text: str) -> str:
    if text not in KINDS:
        raise ValueProblem(f'"{text}" is no kind of participants', f"one of {', '.join(KINDS)}")
    return text


def parse_numbers(text: str) -> re.Pattern[str] | None:
    """Called numbers, as a regular expression; "": none. Raises ValueProblem."""
    if not text:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueProblem(f'"{text}" is no regular expression: {error}', "correct it; '.*' is all numbers") from error


def _parse_route(text: str) -> tuple[str, float]:
    """A route and its days: "bank:3650"."""
    route, found, days = text.rpartition(":")
    try:
        value = float(days)
    except ValueError:
        value = -1.0
    if not found or not route or not 0 <= value <= 36_500:
        raise ValueProblem(f'"{text}" is no trunk and its days', 'write it as "bank:3650", or "test:0" for never')
    return route, value


def _parse_store(text: str) -> str:
    if text and not is_place(text):
        raise ValueProblem(f'"{text}" is no store', 'write it as "s3://bucket/folder"')
    return text


def _parse_url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueProblem(f'"{text}" is no address of the web', 'write it as "http://tsa.example/tsr"')
    return text


def read_routes(text: str) -> tuple[tuple[str, float], ...]:
    """Routes and their days, as they are handed to a process. Raises ValueProblem."""
    return tuple(_parse_route(one) for one in text.split(",") if one)


class Rendering(StrEnum):
    """The recordings of which films are made."""

    NONE = "none"
    ASKED = "asked"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Which calls are recorded, where to, and for how long."""

    folder: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """Where recordings are kept, such as "/var/lib/splitter/recordings"; empty: nothing is recorded. They hold voices
    and pictures of people: docs/recording.md says what the law may ask of you. The service's user alone may read it."""
    key: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """The key that signs what was recorded (Ed25519), outside that folder; it is made where there is none, with its
    public half beside it (.pub). Keep a copy of that one where nobody who may change recordings can change it. Empty:
    recordings.key beside the folder."""
    everything: Annotated[bool, Key(name="all", taken=Uptake.LIVE)] = False
    """Record all calls, from the answer on; or those that come from or go to these trunks, whose called number matches
    this regular expression, or that one of these extensions has. What is not recorded by this can be on demand."""
    trunks: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.LIVE)] = ()
    called: Annotated[re.Pattern[str] | None, Key(parse=parse_numbers, taken=Uptake.LIVE)] = None
    desks: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.LIVE)] = ()
    on_demand: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """Agents may begin and end recordings of their own calls. They may always pause one, for card numbers; what is
    recorded by the rules above only an operator can end."""
    tell_centre: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """The INVITEs of calls that are recorded, or will be from the answer on, say so to the centre:
    "X-Splitter-Recorded: yes", so that its announcement can."""
    exclude: Annotated[tuple[str, ...], Key(parse=_parse_kind, unique=True, taken=Uptake.RESTART)] = ()
    """Kinds of participants of whom neither voice nor picture is ever recorded, nor given to a recorder elsewhere:
    "expert", "phone" (that was invited into the call), "guest" (the caller's own browser), "desk" (the agents' cameras;
    their voice comes from the centre). Nor is what the caller sees of them, or a mosaic."""
    required: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """While nothing can be recorded (no disk, no recorder), new calls that the rules for all, trunks and numbers would
    record are refused with 503. Calls that are answered already go on, whatever happens."""
    least_free_mb: Annotated[int, Key(0, 10_000_000, taken=Uptake.RESTART)] = 512
    """A disk with less room stops all recordings; the desks are told before the agents go on."""
    quota_gb: Annotated[float, Key(0, 10_000_000, taken=Uptake.RESTART)] = 0.0
    """Recordings may take so many gigabytes here, films and screenshots too; 0: all that the disk has. At 90 % there is
    an alarm; when it is used up, it is as with a disk that is full. What was moved to a store does not count."""
    keep_days: Annotated[float, Key(0, 36_500, taken=Uptake.RESTART)] = 0.0
    """Older recordings are deleted, but for those on hold; 0: none is."""
    keep_days_for: Annotated[tuple[tuple[str, float], ...], Key(parse=_parse_route, taken=Uptake.RESTART)] = ()
    """Days for calls to single trunks of the centre instead, such as ["bank:3650", "test:7"]; "bank:0": none of them is
    deleted."""
    seal_key: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """Seals recordings, their events and screenshots (AES-256-GCM), with the last key of this file, which is made where
    there is none. Who loses it loses them: keep a copy elsewhere, and let nobody but the service read it. A new key is
    added by `splitter recordings new-key`; those before stay, for what they have sealed. Index and ledger are plain."""
    seal_command: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Seals them with a key of your key service instead: this command gets "wrap" or "unwrap" as its last word, a key
    in base64 on its standard input, and writes what became of it to its standard output, in base64, within 8 seconds.
    It is called once a day, at each start, and when a recording of another day is opened."""
    render: Annotated[Rendering, Key(taken=Uptake.RESTART)] = Rendering.ASKED
    """Of which recordings films are made, which browsers play (MP4: both sides side by side, with names and time):
    "all"; "asked", those that somebody wants to look at; "none". One takes a processor a fifth of the call's time."""
    render_at_once: Annotated[int, Key(1, 64, taken=Uptake.RESTART)] = 1
    """So many films at once, each in a process of the lowest priority."""
    render_below: Annotated[int, Key(1, 100, taken=Uptake.RESTART)] = 50
    """A film is begun while less than this percentage of the machine's processors is at work; 100: at any time."""

    store: Annotated[str, Key(parse=_parse_store, taken=Uptake.RESTART)] = ""
    """Recordings are moved there when they have ended, such as "s3://bucket/folder": put there, read back and compared,
    and only then deleted here; tried again for as long as it takes. Each gateway needs a folder of its own. Playing,
    exporting, deleting and verifying go on as if they were here."""
    store_endpoint: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Where a store of the kind of S3 is, such as "https://minio.example:9000"; empty: Amazon's, of this region."""
    store_region: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    store_credentials: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """A file of credentials as the AWS tools have it ([default], aws_access_key_id, aws_secret_access_key); empty: from
    the environment, or the machine's role."""

    timestamp_url: Annotated[str, Key(parse=_parse_url, taken=Uptake.RESTART)] = ""
    """A time stamp authority (RFC 3161) that stamps the ledger once an hour while it grows, such as
    "http://tsa.example/tsr": so it can be shown when an entry was there, and that none was taken from its end since."""
    timestamp_ca: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    """The certificates (PEM) that the authority's comes from, for `splitter recordings verify`."""

    @property
    def store_place(self) -> StorePlace:
        """Where the store is."""
        return StorePlace(self.store, self.store_endpoint, self.store_region, self.store_credentials)

    recorders: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.RESTART)] = ()
    """Trunks of role "recorder", on one network: what is recorded goes there too, by SIPREC (RFC 7866). The first
    one that takes a call has it; the others are tried where that one fails. With or without a folder. docs/siprec.md"""
    recorders_get: Annotated[str, Key(choices=("voice", "video"), taken=Uptake.RESTART)] = "video"
    """What they get: the voices alone, or the pictures of everybody as well."""

    forked: bool = False  # what is recorded goes to somebody who listens: [fork]

    @property
    def possible(self) -> bool:
        """Tell whether anything is recorded, be it elsewhere."""
        return self.elsewhere_too or self.forked

    @property
    def elsewhere_too(self) -> bool:
        """Tell whether what is recorded goes to somebody but who listens."""
        return bool(self.folder or self.recorders)

    def reason_for(self, trunks: tuple[str, ...], called: str, extension: str) -> str:
        """Why a call is recorded by these rules, in words; "" where it is not."""
        if not self.possible:
            return ""
        if self.everything:
            return "all calls are recorded"
        which = CallRules(self.trunks, self.called, self.desks).which(trunks, called, extension)
        return f"calls {which} are recorded" if which else ""
