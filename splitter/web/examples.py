"""Examples of what the API's requests and answers hold, for its document. Pure.

Requests are written out, by operation. Answers are made of their types: what a field holds is said once, by its name,
and by "Type.field" where it means something else there; what is not said has its default.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

_SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n…"
_PHONE, _ANSWERED = "+8613800138000", 1_800_000_003.2

REQUESTS: dict[str, Any] = {
    "POST /v1/login": {"user": "8001", "password": "correct horse battery"},
    "POST /v1/login/openid": {"code": "SplxlOBeZQQYbYS6WxSbIA", "state": "af0ifjsldkj"},
    "POST /v1/tokens": {"extension": "8001", "expires_in_s": 28_800},
    "POST /v1/calls": {"number": "13900001111", "extension": "8001", "video": True},
    "PUT /v1/calls/{ref}/desk": {"extension": "8001"},
    "POST /v1/calls/{ref}/video": {"else_link": True, "language": "zh"},
    "PUT /v1/calls/{ref}/parties/{party}/streams": {
        "offer": _SDP,
        "streams": [{"mid": "1", "source": "caller"}, {"mid": "2", "source": "desk-2"}],
    },
    "PUT /v1/calls/{ref}/display": {"source": "mosaic", "viewer": "caller", "of": ["desk-1", "expert-1"]},
    "PUT /v1/calls/{ref}/parties/{party}/camera": {"state": "denied"},
    "POST /v1/calls/{ref}/messages": {"text": "Please turn the camera to the valve."},
    "POST /v1/web/calls/{call}/messages": {"text": "It is under the sink."},
    "PUT /v1/calls/{ref}/guest/location": {"latitude": 39.9042, "longitude": 116.4074, "accuracy_m": 12.0},
    "PUT /v1/calls/{ref}/guest/rating": {"stars": 5},
    "PUT /v1/calls/{ref}/wrap-up": {"note": "A burst pipe in the cellar.", "disposition": "Solved", "screenshots": [1]},
    "PUT /v1/calls/{ref}/host": {"extension": "8002"},
    "POST /v1/calls/{ref}/invitations": {"number": "13800138000", "language": "zh"},
    "POST /v1/calls/{ref}/invitations/{invitation}/status": {"state": "delivered"},
    "POST /v1/guests": {"code": "k7m2p4q9r3", "device": "5f0c2b7e9a1d4c38"},
    "POST /v1/links": {
        **{"id": "m1", "call_id": "7kq2m0000000", "digest": "9f86d081884c7d65" * 4, "made_at": _ANSWERED},
        **{"expires_at": _ANSWERED + 3600, "devices": 1, "over": False},
    },
    "POST /v1/calls/{ref}/phones": {"number": "8002", "part": "talks"},
    "PUT /v1/calls/{ref}/phones/{phone}": {"part": "whispers"},
    "PUT /v1/calls/{ref}/voices/{voice}": {"muted": True},
    "POST /v1/calls/{ref}/recording": {"action": "pause"},
    "POST /v1/calls/{ref}/fork": {"fork": "on"},
    "PUT /v1/recordings/{id}/hold": {"held": True, "reason": "case 2026/117"},
    "POST /v1/revocations": {"token": "crm"},
    "POST /v1/test-calls": {"source": "10.0.0.7:5060", "trunk": "sbc", "for_s": 60.0},
    "POST /v1/web/tokens": {"customer": "c-4711", "name": "Wang Wei", "language": "zh", "number": "13800138000"},
    "POST /v1/web/calls": {"number": "12345", "sdp": _SDP, "camera": True, "language": "zh"},
    "PUT /v1/web/calls/{call}/offer": {"sdp": _SDP},
    "PUT /v1/web/calls/{call}/camera": {"on": False},
    "POST /v1/web/path-checks": {"sdp": _SDP},
}

FIELDS: dict[str, Any] = {
    "accuracy_m": 12.0,
    "address": "udp 10.1.0.20:5060",
    "agent": "8001",
    "agent_at": _ANSWERED,
    "answer": _SDP,
    "answered_at": _ANSWERED,
    "at": _ANSWERED + 20,
    "audio": "PCMA/8000 sendrecv",
    "began": _ANSWERED,
    "bitrate_kbps": 960,
    "bound_by": "centre p-asserted-identity",
    "by": "wang (8001)",
    "call_id": "7kq2m0000000",
    "called": "12345",
    "caller": _PHONE,
    "change": "changed",
    "changed_at": _ANSWERED + 8,
    "check": "c1f7",
    "client": "tab-3f9a",
    "consent": "accepted",
    "contact": "sip:8001@10.2.0.7:40000",
    "count": 1,
    "credential": "Zm9vYmFy",
    "devices": 1,
    "direction": "in",
    "end_reason": "the caller hung up",
    "end_status": 200,
    "ended": _ANSWERED + 180,
    "ended_at": _ANSWERED + 180,
    "every_s": 0.5,
    "expires_at": _ANSWERED + 3600,
    "expires_in_s": 540.0,
    "extension": "8001",
    "fine": True,
    "frame_rate": 15,
    "from_caller_video_s": 171.5,
    "from_caller_voice_s": 180.0,
    "from_centre_voice_s": 180.0,
    "handing_over": "8 calls",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "height": 640,
    "holds": True,
    "id": "m1",
    "instance": "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>",
    "jitter_ms": 1.8,
    "key": "gateway.max_calls",
    "kind": "audio",
    "latency_ms": 2.5,
    "latitude": 39.9042,
    "leg": "caller",
    "link": "https://video.example/g/k7m2p4q9r3",
    "longitude": 116.4074,
    "max_calls": 2000,
    "mid": "1",
    "name": "desk-1",
    "named": "10.0.0.1:4000",
    "note": "A burst pipe in the cellar.",
    "number": _PHONE,
    "offences": 3,
    "outcome": "answered",
    "packets": 101,
    "party": "desk-1",
    "path": "2026/12/7kq2m0000000-1.mka",
    "peer": "10.1.0.20:5060",
    "qr": "<svg …></svg>",
    "rang_at": _ANSWERED - 2,
    "reason": "",
    "registered_at": _ANSWERED,
    "relays": 8,
    "restarting": "8 calls go on",
    "role": "centre",
    "route": "pbx",
    "scopes": ["desk"],
    "sends": True,
    "sent": True,
    "short_code": "4711",
    "showing": "desk-1",
    "since": _ANSWERED,
    "sip_call_id": "a84b4c76e66710@10.0.0.1",
    "size": 1_048_576,
    "size_bytes": 182_044,
    "source": "caller",
    "started_at": _ANSWERED - 3.2,
    "status": 200,
    "taken": "live",
    "taken_at": _ANSWERED + 30,
    "text": "answered: PCMA/8000 sendrecv",
    "title": "Dr Li",
    "to_caller_video_s": 168.0,
    "token": "s1.eyJuIjoiODAwMSJ9.q2…",
    "trunk": "pbx",
    "until": _ANSWERED + 600,
    "url": "https://login.example/authorize?response_type=code&…",
    "urls": ["turns:turn.example.org:443?transport=tcp"],
    "user": "8001",
    "user_agent": "baresip v3.9.0",
    "username": "1800003600:8001",
    "version": "0.1.0",
    "video": "H264 42c01f mode 1 sendrecv",
    "voice_s": 180.0,
    "wait_s": 3.2,
    "weight": 1,
    "what": "video-accepted",
    "who": "desk-1",
    "why": "no packet has come",
    "width": 480,
    "words": "it went both ways",
    "BanView.reason": "an unknown source",
    "BanView.source": "203.0.113.9",
    "CallDetail.video": "both",
    "CarriedView.name": "caller",
    "ChatMessage.number": 1,
    "ChatMessage.sender": "guest",
    "ChatMessage.text": "It is under the sink.",
    "GatewayStatus.calls": 8,
    "GatewayStatus.name": "splitter",
    "GatewayStatus.state": "running",
    "Drained.calls": 8,
    "InstanceStatus.name": "rtp-1",
    "InstanceStatus.state": "up",
    "LegView.name": "caller",
    "LegView.peer": "10.0.0.1:5060",
    "LegView.state": "confirmed",
    "LegView.trunk": "sbc",
    "Cluster.node": "a",
    "NodeView.node": "a",
    "NodeView.state": "active",
    "CallDetail.links": ["opened"],
    "CallDetail.trunk": "sbc",
    "LoggedIn.expires_at": _ANSWERED + 43_200,
    "Loan.source": "10.0.0.7:5060",
    "Loan.trunk": "sbc",
    "Me.name": "8001",
    "Peaks.agent": [0.1, 0.42],
    "Peaks.caller": [0.3, 0.05],
    "PhotoShown.number": 1,
    "PhoneMade.name": "phone-1",
    "PhoneView.name": "phone-1",
    "PhoneView.number": "8002",
    "PictureView.id": "p7c1",
    "PictureView.name": "map.png",
    "ProofShown.kind": "note",
    "RecordingRow.id": "r-7kq2m",
    "RecordingRow.state": "kept",
    "SourceView.kind": "desk",
    "StayView.kind": "webrtc",
    "Stay.kind": "webrtc",
    "StrangerView.source": "203.0.113.9:5000",
    "TargetView.state": "up",
    "TrunkView.address": "10.1.0.20",
    "TrunkView.calls": 8,
    "TrunkView.name": "pbx",
    "TrunkView.state": "up",
    "GuestCallView.state": "connected",
    "CallView.state": "connected",
    "CallView.ended_at": None,
    "CallView.end_reason": "",
    "CallView.end_status": 0,
    "CallView.extension": "8001",
    "DeskView.state": "online",
    "ClientView.kind": "webrtc",
    "PartyView.kind": "webrtc",
    "PartyView.showing": "caller",
    "PartyView.state": "connected",
    "Revoked.kept": True,
}
"""What fields hold in examples, by "Type.field" or by name."""


def request_example(operation: str) -> Any:
    """What a request may hold, by method and path; None where its body is no JSON."""
    return REQUESTS.get(operation)


def answer_example(shape: Any) -> Any:
    """What an answer of this type may hold."""
    return _example(inspect.type_info(shape), "", frozenset())


def _example(kind: inspect.Type, name: str, above: frozenset[type]) -> Any:
    match kind:
        case inspect.StructType() | inspect.DataclassType():
            if kind.cls in above:
                return None
            within = above | {kind.cls}
            return {field.encode_name: _field(field, kind.cls.__name__, within) for field in kind.fields}
        case inspect.ListType() | inspect.VarTupleType():
            return [_example(kind.item_type, name, above)]
        case inspect.TupleType():
            return [_example(one, name, above) for one in kind.item_types]
        case inspect.UnionType():
            said = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            return _example(said[0], name, above)
        case inspect.Metadata():
            return _example(kind.type, name, above)
        case inspect.EnumType():
            return next(iter(kind.cls)).value
        case inspect.LiteralType():
            return kind.values[0]
    return _PLAIN.get(type(kind), name)


_PLAIN: dict[type, Any] = {
    inspect.BoolType: False,
    inspect.IntType: 0,
    inspect.FloatType: 0.0,
    inspect.NoneType: None,
    inspect.DictType: {},
    inspect.RawType: {},
    inspect.AnyType: {},
    inspect.StrType: "",
}


def _field(field: inspect.Field, owner: str, within: frozenset[type]) -> Any:
    for name in (f"{owner}.{field.name}", field.name):
        if name in FIELDS and _fits(FIELDS[name], field.type):
            return FIELDS[name]
    if field.default is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default)
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    return _example(field.type, field.name, within)


def _fits(value: Any, kind: inspect.Type) -> bool:
    """True where a field of this type may hold it: the name alone may mean something else elsewhere."""
    match kind:
        case inspect.UnionType():
            return any(_fits(value, one) for one in kind.types)
        case inspect.Metadata():
            return _fits(value, kind.type)
        case inspect.EnumType():
            return value in [one.value for one in kind.cls]
        case inspect.LiteralType():
            return value in kind.values
        case inspect.ListType() | inspect.VarTupleType():
            return isinstance(value, list) and all(_fits(one, kind.item_type) for one in value)
    if isinstance(value, bool):
        return isinstance(kind, inspect.BoolType)
    return isinstance(value, _PYTHON.get(type(kind), ()))


_PYTHON: dict[type, tuple[type, ...]] = {
    inspect.StrType: (str,),
    inspect.IntType: (int,),
    inspect.FloatType: (int, float),
    inspect.NoneType: (type(None),),
}
