"""What the fields of the API's types mean, for its document. Pure.

A type tells in its docstring what only it knows, by "Attributes:" or in a sentence with the field's name in backticks;
what a name means wherever it stands is told here, once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import msgspec

_SECTION = re.compile(r"^Attributes:\n((?:    .*\n?|\n)*)", re.M)
_ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n        .*)*)", re.M)
# "`a`, `b`: what they are"; at the beginning of a clause without a colon too.
_SENTENCE = re.compile(r"(?:(?<=^)|(?<=[.,:;] )|(?=`\w+`(?:(?:, | and )`\w+`)*: ))((?:`\w+`(?:, | and )?)+):? ")
_NAME = re.compile(r"`(\w+)`")
_TIME = "Unix seconds"

WORDS = {
    "accuracy_m": "how far off it may be, metres",
    "action": "begin, pause, resume or stop",
    "address": 'where it is, such as "udp 10.1.0.20:5060"',
    "admitted": "extensions of desks that were let in",
    "after": "the new value, where it is short and no secret",
    "agent": "the agent who has the call, or the sound of that side",
    "agent_at": f"when an agent's phone answered, {_TIME}; null if none did",
    "answer": "our SDP answer",
    "answered_at": f"when it was answered, {_TIME}; null if it was not",
    "answers": "our SDP answer to the last offer, where it is to be taken",
    "asked": f"when somebody asked for it, {_TIME}",
    "asking": "extensions of desks that ask to be let in",
    "at": f"when, {_TIME}",
    "audio": 'codec and direction, such as "PCMA/8000 sendrecv"; empty for none',
    "away": "gateways of the cluster that could not be told",
    "bans": "those that are banned",
    "before": "the value until now, where it is short and no secret",
    "began": f"when it began, {_TIME}",
    "beside": "screenshots, photos and files of the call that are kept with it",
    "bitrate_kbps": "kilobits per second at most",
    "bound_at": f"when an agent had it, {_TIME}; null if none had",
    "bound_by": 'who said which agent has it: "centre …", "cti", "client"',
    "by": "who called it in, or noted it",
    "by_rule": "whether the configuration wants it",
    "call": "how the call stands",
    "call_id": "the gateway's id of the call",
    "called": "the number that was called",
    "caller": "the number of who called; empty where it is withheld",
    "caller_leg": "how well the caller's side was heard and seen",
    "calls": "the calls, or how many there are",
    "calls_per_s": "new calls per second at most; 0 for no limit",
    "lack": "what kept it out: no-ports, no-media, or empty",
    "camera": "on, off, blocked, or empty where its browser has not said",
    "captcha": "the answer of the captcha, where the gateway asks for one",
    "carried": "packets and quality of each side and stream",
    "centre_leg": "how well the centre's side was heard",
    "change": "added, removed, changed or moved",
    "changed_at": f"when its state changed, {_TIME}",
    "changes": "what differs, key by key",
    "chosen": "what the caller is to see by choice; empty for the host's desk",
    "client": "the browser's own name, which tells its tabs apart",
    "clients": "its browsers and SIP clients that are connected",
    "code": "that came with it: of a link, of an app, or of the identity provider",
    "consent": "the version of what callers agree to; empty where they are not asked",
    "consent_reason": "why there was no video from the phone",
    "consents": "to what guests have agreed, and when",
    "contact": "its Contact, as it registered",
    "course": "times that the record of the call is made of",
    "credential": "the password for the relay",
    "customer": "your own id of the customer",
    "desks": "desks, by extension",
    "device": "a text that the browser keeps, which tells it from others",
    "devices": "on how many devices the link works",
    "digest": "the hash of the link's code",
    "direction": "in or out",
    "disposition": "what came of the call, one of the configuration; empty for none",
    "dispositions": "what an agent chooses from when a call is over",
    "draining": "whether new calls are refused",
    "draining_since": f"since when, {_TIME}; null if they are taken",
    "dry_run": "whether nothing was taken, only told",
    "else_link": "whether a link is sent where the phone has no video",
    "end_reason": "why it ended, in words",
    "end_status": "the SIP status that refused it; 200 for an answered one, 0 while it lives",
    "ended": f"when it ended, {_TIME}; null while it goes on",
    "ended_at": f"when it ended, {_TIME}; null while it lives",
    "error": "what was refused, and why",
    "events": "in the order that they came in",
    "every_s": "seconds between two values",
    "expires_at": f"until when it holds, {_TIME}",
    "expires_in_s": "seconds that it holds from now on",
    "extension": "of the desk in the voice centre; empty for none",
    "facts": "what the network and we know of the caller",
    "fault": "why no video comes though it should; empty where nothing is wrong",
    "film": "its MP4 with both sides side by side",
    "fine": "whether it went both ways",
    "frame_rate": "pictures per second at most",
    "from_at": f"from when, {_TIME}",
    "from_caller_s": "seconds of video from the caller",
    "from_caller_voice_s": "seconds of voice from the caller",
    "from_centre_voice_s": "seconds of voice from the centre",
    "from_jitter_ms": "jitter of what came from there, milliseconds",
    "from_loss": "the share of packets from there that were lost, 0 to 1",
    "from_mos": "how the voice from there was heard, 1 to 4.5 (ITU-T G.107)",
    "gateways": "other gateways that would do as well",
    "handing_over": "whether calls are being given to another host",
    "hash": "SHA-256 of the file",
    "height": "pixels",
    "held": "whether nothing deletes it",
    "hidden": "a supervisor, of whom desks are told nothing",
    "holds": "whether the link still works",
    "ice_servers": "STUN and TURN servers for RTCPeerConnection",
    "id": "its id",
    "instance": "its +sip.instance (RFC 5626)",
    "invitations": "links of the call",
    "jitter_ms": "jitter, milliseconds; null where it is not measured",
    "jitter_there_ms": "jitter that the other side reports, milliseconds",
    "joined_at": f"when it came, {_TIME}",
    "kept": "whether it is written down, and so holds over a restart",
    "key": 'of the configuration, such as "trunk.pbx.max_calls"',
    "key_frames": "key frames that came",
    "kind": "which kind it is",
    "language": 'such as "en" or "zh"',
    "latency_ms": "how long answers take, milliseconds; null where it is not measured",
    "latitude": "degrees north",
    "left_at": f"when it left, {_TIME}; null while it is there",
    "left_out": "how many were left out because they are not readable",
    "leg": "caller, centre, seat-1 …",
    "legs": "our SIP dialogs of the call",
    "limits": "what the caller's phone can show",
    "link": "the link that the caller is to open",
    "links": "what became of links",
    "located": "whether the guest shows where the caller is",
    "location": "where the caller is, by consent",
    "logo": "where the operator's image is; empty for none",
    "longitude": "degrees east",
    "lost": "packets that were lost on the way to us",
    "lost_there": "packets that the other side says it has lost",
    "made": f"when it was made, {_TIME}",
    "made_at": f"when it was made, {_TIME}",
    "max_calls": "calls at a time at most; 0 for no limit",
    "messages": "messages of the call, or how many there are",
    "mid": "of the m-line that it is sent in",
    "missing": "gateways of the cluster that did not answer",
    "more": "what else is known of it",
    "mos": "how the voice was heard, 1 to 4.5 (ITU-T G.107); null where it is not measured",
    "mos_there": "the same at the other side, by its reports",
    "mosaic": "several pictures in one for the caller's phone; null where nobody sees one",
    "muted": "whether nobody hears it, or the voices that nobody hears",
    "name": "what it is called",
    "name_zh": "the same in Chinese",
    "named": "the address that SDP names",
    "next": "what to ask for with `before` to read on; null at the end",
    "node": "the gateway of a cluster; empty where there is one alone",
    "nodes": "the gateways of the cluster",
    "note": "what the agent has noted",
    "noted_at": "when the agent noted it, Unix seconds; null where nothing is noted",
    "noted_by": "the login that noted it",
    "number": "a telephone number, or the number of a file or message",
    "of": "the parties that are to be in it",
    "offences": "how often it misbehaved",
    "offer": "an SDP offer",
    "on": "whether the camera is on",
    "openid": "the name of the identity provider; empty for none",
    "outcome": "what became of it",
    "over": "whether it no longer works",
    "packets": "packets that came from there",
    "packets_in": "packets that came",
    "packets_out": "packets that went out",
    "page": "what is the operator's own of the page",
    "part": "what a phone may do: talks, listens or whispers",
    "parties": "who is in the video besides the caller",
    "parts": "its files, in order",
    "party": "the name of a party, such as guest-1",
    "password": "of the account; or whether passwords are taken",
    "path": "where the file lies",
    "peer": "its address",
    "phones": "phones that were called into the voice",
    "photos": "photos and files that the caller has sent, or how many there are",
    "pictures": "images to show",
    "fork": "whether people want that who listens gets the call",
    "possible": "whether it can be recorded",
    "privacy_url": "the operator's page on privacy; empty for none",
    "proof": "lines of the trace that show it",
    "qr": "the link as a QR code, an SVG image",
    "queue_s": "seconds from the first ring to an agent; null where there was none",
    "rang_at": f"when it rang, {_TIME}; null if it did not",
    "rating": "by the caller, 1 to 5, 0 for none; or whether callers are asked",
    "reason": "why, in words; empty where there is nothing to say",
    "receives": "whether we receive its picture",
    "recording": "whether and how the call is recorded",
    "recordings": "recordings, the newest first",
    "records": "a row for each call",
    "refused": "why it was not taken",
    "registered_at": f"when it registered, {_TIME}",
    "registration": "how our registration there stands",
    "registrations": "SIP clients that are registered",
    "rejected": "packets that were not taken",
    "restarting": "true: it begins anew",
    "role": "access, centre or seat",
    "round_trip_ms": "there and back, milliseconds; null where it is not measured",
    "route": "the trunk that carries the call into the centre",
    "scopes": "what it may do",
    "screenshots": "numbers of the screenshots that are kept with the call",
    "sdp": "an SDP offer",
    "seconds": "how long it is, seconds",
    "sender": "desk or guest",
    "sends": "whether a picture of it comes",
    "sent": "whether a message with the link was sent",
    "short_code": "what people say of a call over the telephone",
    "showing": 'what is shown: a party\'s name, "slate", "mosaic", "picture:ID" or "none"',
    "shown": "whether its picture is shown to others",
    "silences": "times in which no voice came from somebody though it should",
    "since": f"since when, {_TIME}",
    "sip_call_id": "Call-ID of the dialog",
    "size": "bytes",
    "size_bytes": "bytes",
    "skew_ms": "how much later the picture comes than the voice, milliseconds",
    "skew_uncertainty_ms": "how far off that may be, milliseconds",
    "source": "an address; or what is shown",
    "sources": "what can be seen",
    "stars": "1 to 5",
    "started_at": f"when it came, {_TIME}",
    "state": "how it stands",
    "status": "the SIP status that it ended with",
    "stays": "who was there, from when to when",
    "strangers": "sources of media that were ignored, because they are not the call's",
    "streams": "one for each source",
    "supported": "whether the caller's phone can do video; null where nobody knows",
    "taken": "live, or restart",
    "taken_at": f"when it was taken, {_TIME}",
    "targets": "its servers",
    "text": "what it says",
    "text_zh": "the same in Chinese",
    "title": "what people call it; empty where nobody has said",
    "to_at": f"until when, {_TIME}; null while it goes on",
    "to_caller_s": "seconds of video to the caller",
    "to_jitter_ms": "jitter of what went there, by its reports, milliseconds",
    "to_loss": "the share of packets to there that were lost, 0 to 1",
    "to_mos": "how the voice was heard there, 1 to 4.5 (ITU-T G.107)",
    "token": "a bearer token: Authorization: Bearer …",
    "tries": "how often it was begun",
    "trunk": "the trunk of the configuration",
    "trunks": "the neighbours of the configuration",
    "unchanged": "tables that are the same",
    "until": f"until when, {_TIME}; null while it goes on",
    "url": "where to go",
    "urls": "of the server (RFC 7064, RFC 7065)",
    "used": "on how many devices it was opened",
    "user": "of the account",
    "user_agent": "what its software calls itself",
    "username": "for the relay",
    "version": "of this software, or of what was agreed to",
    "video": "video, or what is known of it",
    "video_reason": "why there is no video",
    "viewer": 'who is to see it: "caller" or a party',
    "voice": "what is known of the voice",
    "what": "what happened",
    "who": "an extension or a title",
    "why": "the reason, in words",
    "width": "pixels",
    "words": "a sentence for people",
    "wrap_up": "what the agent has noted once it was over; null where nothing is",
}
"""What a field of this name means, where its type does not say more."""


def types_in(kinds: Iterable[Any]) -> set[type]:
    """Find these types and all that their fields are of."""
    found: set[type] = set()
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and kind not in found and (is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
            found.add(kind)
            waiting += get_type_hints(kind).values()
    return found


def words_of(kind: type) -> dict[str, str]:
    """What a type says of its fields, and those that it has from others."""
    told: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        text = inspect.cleandoc(one.__dict__.get("__doc__") or "")
        told |= dict(_sentences(text)) | dict(_entries(text, inspect.get_annotations(one)))
    return {name: in_json(re.sub(r"^(?:is|are) ", "", words)) for name, words in told.items()}


def in_json(words: str) -> str:
    """Say of JSON what was said of a value in Python."""
    return re.sub(r"\bNone\b", "null", words)


def _entries(text: str, fields: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those of "Attributes:"; a line may tell of several fields."""
    name = f"(?:{'|'.join(fields)})"
    following = re.compile(rf"[.;] ({name}(?:, {name})*): ")
    if section := _SECTION.search(text):
        for entry in _ENTRY.finditer(section[1]):
            parts = following.split(" ".join(entry[2].split()))
            for names, words in zip([entry[1], *parts[1::2]], parts[::2], strict=True):
                for one in names.split(", "):
                    yield one, words.rstrip(".;")


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    """Those that are told as "`name`: what it is; `other`: …"."""
    parts = _SENTENCE.split(" ".join(text.partition("Attributes:")[0].split()))
    for names, words in zip(parts[1::2], parts[2::2], strict=True):
        for name in _NAME.findall(names):
            yield name, words.strip().rstrip(";,.")
