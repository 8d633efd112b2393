"""What the operator sets about short messages: their texts, and the ways that they take. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem
from splitter.core.values import parse_pattern
from splitter.sms.signing import parse_step
from splitter.sms.template import parse_template

LANGUAGES = ("en", "zh")
OUTBOX, WEBHOOK = "outbox", "webhook"
"""Carriers that need no table of their own."""
LINK = "{link}"
LEAST_KEY = 16  # characters of what receipts are let in by

_DAY_S = 86_400
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]+: ?[^\r\n]*")
_PAIR = re.compile(r"[^=\r\n]+=[^\r\n]*")


def _parse_text(text: str) -> str:
    if "\r" in text or text.count(LINK) != 1:
        raise ValueProblem("does not say once where the link stands", f"write {LINK} where it belongs")
    return text


def _parse_url(text: str) -> str:
    if not text.isascii() or not re.fullmatch(r"https?://[^/\s?#@]+(/\S*)?", text):
        raise ValueProblem(f'"{text[:80]}" is no address', 'write it such as "https://sms.example.com/send"')
    return parse_template(text)


def _parse_header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueProblem(f'"{text[:80]}" is no header', 'write it such as "Authorization: Bearer {secret}"')
    return parse_template(text)


def _parse_pair(text: str) -> str:
    if not _PAIR.fullmatch(text):
        raise ValueProblem(f'"{text[:80]}" is no parameter', 'write it such as "PhoneNumbers={number}"')
    return parse_template(text)


def _parse_key(text: str) -> str:
    if text and not re.fullmatch(rf"[\w.~-]{{{LEAST_KEY},128}}", text, re.ASCII):
        raise ValueProblem(f"is no key of {LEAST_KEY} letters and digits or more", "make one: openssl rand -hex 16")
    return text


def parse_carrier_name(text: str) -> str:
    """The name of a carrier, for the log, the metrics and the path of receipts."""
    if not _NAME.fullmatch(text) or text in (OUTBOX, WEBHOOK):
        raise ValueProblem(f'"{text[:80]}" is no name for it', "use up to 64 letters, digits, and . _ -")
    return text


@dataclass(frozen=True, slots=True)
class SmsText:
    """What callers of some numbers are written, in one language."""

    text: Annotated[
        str,
        Key(
            parse=_parse_text,
            missing=f"add what callers are written; {LINK} stands for the link",
            example='"Stay on the phone and open this to show what you see: {link}"',
            taken=Uptake.RESTART,
        ),
    ]
    """What callers are written; {link} stands for the link. One message has 70 signs, or 160 where all of them are
    plain ASCII: `splitter check` says how many a text takes."""
    called: Annotated[re.Pattern[str], Key(parse=parse_pattern, taken=Uptake.RESTART)] = field(
        default_factory=lambda: re.compile(".*")
    )
    """Called numbers that it is for: a regular expression for the whole number. The first text that fits is taken."""
    language: Annotated[str, Key(choices=("", *LANGUAGES), taken=Uptake.RESTART)] = ""
    """The language that it is written in; "" for whichever is asked for."""


@dataclass(frozen=True, slots=True)
class HttpSmsSettings:
    """An SMS service that is reached by HTTP: the request as a template, and how its answers are read."""

    name: str
    url: Annotated[
        str,
        Key(
            parse=_parse_url,
            missing="add where messages are sent to",
            example='"https://sms.example.com/v1/messages"',
            taken=Uptake.RESTART,
        ),
    ]
    """Where messages are sent to. In it and in what follows stand {number}, {text}, {link}, {code} (the last part of
    the link), {id} (ours, the same at each attempt), {source}, {key}, {secret}, {receipt} (where receipts are to go),
    {seconds}, {nonce}, and what `sign` makes; each is escaped as its place wants it. Filters follow a colon:
    {number:digits}, {text:base64}, {hash:hex}, {text:percent}, {text:raw}."""
    method: Annotated[str, Key(choices=("POST", "GET", "PUT"), taken=Uptake.RESTART)] = "POST"
    query: Annotated[tuple[str, ...], Key(parse=_parse_pair, taken=Uptake.RESTART)] = ()
    """Parameters behind the "?", such as "PhoneNumbers={number}". They are sorted, as signatures want them: {query}."""
    headers: Annotated[tuple[str, ...], Key(parse=_parse_header, taken=Uptake.RESTART)] = (
        "Content-Type: application/json",
    )
    body: Annotated[str, Key(parse=parse_template, taken=Uptake.RESTART)] = '{"to": "{number}", "text": "{text}"}'
    """What is sent; Content-Type says how values in it are escaped: JSON, a form, XML."""
    sign: Annotated[tuple[str, ...], Key(parse=parse_step, taken=Uptake.RESTART)] = ()
    """Values that are made one after the other, for headers and the address: "NAME = FUNCTION ARGUMENT". Functions:
    "text", "time FORMAT" (UTC), "sha256", "sha1", "md5"; with a key before " | ": "hmac-sha256", "hmac-sha1". In the
    argument stand the values made before, and {body}, {query}. docs/sms.md has the usual services."""
    key: Annotated[str, Key(secret=True, taken=Uptake.RESTART)] = field(default="", repr=False)
    """What the service knows us by, and signs with: {key} and {secret}."""
    secret: Annotated[str, Key(secret=True, taken=Uptake.RESTART)] = field(default="", repr=False)
    source: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Our own number, or the name that it shows: {source}."""
    repeats: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """The service knows a message that comes again by its {id}, and sends it once. Then one that got no answer is sent
    again; else it may have arrived, and is not."""
    answer_code: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Where the answer (JSON) says whether it was taken, such as "Code" or "SendStatusSet.0.Code"; empty: the status of
    HTTP alone does. What `answer_good` has not is a refusal, and what `answer_again` has is worth another attempt."""
    answer_good: Annotated[tuple[str, ...], Key(taken=Uptake.RESTART)] = ("0", "OK")
    answer_again: Annotated[tuple[str, ...], Key(taken=Uptake.RESTART)] = ()
    answer_id: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Where the answer says by which id receipts will name the message, and why it was not taken."""
    answer_reason: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    receipt_key: Annotated[str, Key(parse=_parse_key, secret=True, taken=Uptake.RESTART)] = field(
        default="", repr=False
    )
    """Receipts of this service are let in by this part of their address: POST /v1/sms/NAME/receipts/KEY. Empty: no."""
    receipt_id: Annotated[str, Key(taken=Uptake.RESTART)] = "id"
    """Where a receipt (JSON, a list of them, or a form) says which message it means, by the service's id or ours; what
    became of it; and why."""
    receipt_code: Annotated[str, Key(taken=Uptake.RESTART)] = "status"
    receipt_reason: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    receipt_delivered: Annotated[tuple[str, ...], Key(taken=Uptake.RESTART)] = ("delivered", "DELIVRD", "true")
    """Words of `receipt_code` that mean: the phone has it; it never will. Others are passed over."""
    receipt_failed: Annotated[tuple[str, ...], Key(taken=Uptake.RESTART)] = (
        "failed",
        "undelivered",
        "UNDELIV",
        "EXPIRED",
        "REJECTD",
        "false",
    )
    receipt_answer: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """What the service wants to read when it has told us; empty: nothing."""
    timeout_s: Annotated[float, Key(0.1, 60, taken=Uptake.RESTART)] = 10.0
    """How long an answer may take."""
    window: Annotated[int, Key(1, 100, taken=Uptake.RESTART)] = 4
    """How many messages are sent at a time."""
    ca: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """Authorities that its certificate must come from, a PEM file. Empty: those of the system."""
    insecure: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """Send by plain HTTP, where others can hear numbers and links."""


@dataclass(frozen=True, slots=True)
class SmppSettings:
    """An SMS service that is reached by SMPP 3.4."""

    name: str
    host: Annotated[
        str, Key(missing="add the name or address of the service", example='"smpp.example.com"', taken=Uptake.RESTART)
    ]
    """Where it is."""
    system_id: Annotated[str, Key(missing="add who we are there", example='"gateway"', taken=Uptake.RESTART)]
    """Who we are there; its password has at most eight signs."""
    password: Annotated[str, Key(secret=True, example='"change"', taken=Uptake.RESTART)] = field(default="", repr=False)
    port: Annotated[int, Key(1, 65_535, taken=Uptake.RESTART)] = 2775
    system_type: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    source: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Our own number, with a plus sign before an international one, or the name that is shown."""
    tls: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """Speak TLS; `ca`: authorities that its certificate must come from, a PEM file, empty for those of the system."""
    ca: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    always_ucs2: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """Send plain texts as UCS-2 too, for services that take 7-bit ones amiss."""
    window: Annotated[int, Key(1, 100, taken=Uptake.RESTART)] = 10
    """How many messages may wait for the service's answer at a time."""
    throttle_pause_s: Annotated[float, Key(0.1, 60, taken=Uptake.RESTART)] = 1.0
    """How long nothing is sent after the service says that it is too much (ESME_RTHROTTLED); twice as long after each
    more."""
    enquire_interval_s: Annotated[float, Key(1, 600, taken=Uptake.RESTART)] = 30.0
    """After so long a silence it is asked whether it is there, and how long any answer may take."""
    answer_limit_s: Annotated[float, Key(0.5, 60, taken=Uptake.RESTART)] = 10.0


@dataclass(frozen=True, slots=True)
class SipSmsSettings:
    """An SMS service that is reached by SIP MESSAGE (RFC 3428) through a trunk."""

    name: str
    trunk: Annotated[str, Key(missing="add the trunk that takes messages", example='"sbc"', taken=Uptake.RESTART)]
    """The trunk that messages go to; it needs an address."""
    source: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """The number that they come from; empty: the name of the gateway."""
    answer_limit_s: Annotated[float, Key(0.5, 32, taken=Uptake.RESTART)] = 10.0
    """How long an answer may take."""


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """Short messages with links for callers' browsers."""

    carrier: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """What sends them: the name of a table below; "webhook", programs that [[webhook]] tells of "invitation"; "outbox",
    a file beside the store, for somebody else to send. Empty: "webhook" where one is told, else "outbox"."""
    language: Annotated[str, Key(choices=LANGUAGES, taken=Uptake.RESTART)] = "en"
    """The language of texts, where a desk does not ask for another one."""
    number: Annotated[re.Pattern[str], Key(parse=parse_pattern, taken=Uptake.RESTART)] = field(
        default_factory=lambda: re.compile(r"\+?[0-9]{3,20}")
    )
    """Numbers that can be sent a message: a regular expression for the whole number, such as '(?:\\+86|0)?(1\\d{10})'
    for mobile ones alone; and how the service is told them, such as '+86\\1'. Empty: as they are."""
    number_as: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    deadline_s: Annotated[float, Key(5, _DAY_S, taken=Uptake.RESTART)] = 300.0
    """How long sending is tried; the caller waits on the phone."""
    attempts: Annotated[int, Key(1, 1000, taken=Uptake.RESTART)] = 20
    """How often, with pauses that double from 1 s to 30 s."""
    queue: Annotated[int, Key(1, 100_000, taken=Uptake.RESTART)] = 1000
    """How many messages wait at most; one more is refused at once."""
    late_s: Annotated[float, Key(1, _DAY_S, taken=Uptake.RESTART)] = 60.0
    """An alarm is raised when a message has waited so long."""
    texts: tuple[SmsText, ...] = ()
    http: tuple[HttpSmsSettings, ...] = ()
    smpp: tuple[SmppSettings, ...] = ()
    sip: tuple[SipSmsSettings, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The carriers that have a table."""
        return tuple(one.name for kind in (self.http, self.smpp, self.sip) for one in kind)
