"""The OpenAPI 3.1 document, made of the table of routes and the types of what they take and give."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec

from splitter import __version__
from splitter.web.examples import answer_example, request_example
from splitter.web.field_words import WORDS, in_json, types_in, words_of
from splitter.web.http.routes import JSON, GoodAnswer, Operation, Query
from splitter.web.operation_names import NAMES, TAGS, tag_of
from splitter.web.shapes import ErrorBody

Object = dict[str, object]

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_ABOUT = {
    "check": "the check, as the answer to its beginning named it",
    "ref": "a call: its id, the beginning of it, its short code, or the caller's number in any spelling",
    "party": "the name of a party",
    "number": "the number of a snapshot, or of a file of a recording",
    "picture": "the id of a picture",
    "source": "an address",
    "extension": "of a desk",
    "invitation": "its id",
    "id": "of a recording",
    "phone": "its name, such as phone-1",
    "voice": "caller, centre, or a phone's name",
    "carrier": "the name of the service in the configuration",
    "key": "receipt_key of it",
    "call": "the id of a web call",
}


def document(routes: Iterable[Operation]) -> Object:
    """The whole document."""
    shown = [route for route in routes if not route.hidden]
    kinds = {route.body.shape for route in shown if route.body and route.body.shape}
    kinds |= {answer.shape for route in shown for answer in route.answers if answer.shape} | {ErrorBody}
    ordered = sorted(kinds, key=lambda kind: str(kind.__name__))
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    _describe(components, {kind.__name__: kind for kind in types_in(ordered)})
    references = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Object] = {}
    for route in shown:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "splitter",
            "version": __version__,
            "description": "Video for an existing voice call centre: calls, desks, pictures.",
            "license": {"name": "GPL-2.0-or-later", "identifier": "GPL-2.0-or-later"},
        },
        "tags": [{"name": name, "description": TAGS[name]} for name in sorted({tag_of(route.path) for route in shown})],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "configured, or from /v1/login"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _describe(components: dict[str, Object], kinds: Mapping[str, type]) -> None:
    """Say of every field what it means, and of a pair of numbers what generators of clients understand."""
    for name, schema in components.items():
        told = words_of(kinds[name]) if name in kinds else {}
        if isinstance(about := schema.get("description"), str):
            text = inspect.cleandoc(about.partition("Attributes:")[0])  # of fields each tells itself
            schema["description"] = in_json(text)
        properties = schema.get("properties")
        for field, shown in properties.items() if isinstance(properties, dict) else ():
            _without_tuples(shown)
            if words := told.get(field) or WORDS.get(field):
                shown["description"] = words


def _without_tuples(schema: Object) -> None:
    """Write a tuple of one kind as an array of a fixed length: few generators know "prefixItems"."""
    for one in (schema, *_alternatives(schema)):
        items = one.pop("prefixItems", None)
        if isinstance(items, list):
            one["items"] = items[0]


def _alternatives(schema: Object) -> list[Object]:
    found = schema.get("anyOf")
    return found if isinstance(found, list) else []


def _operation(route: Operation, references: dict[object, Object]) -> Object:
    names, path = _PARAMETER.findall(route.path), _PARAMETER.sub(r"{\1}", route.path)
    operation: Object = {
        "operationId": NAMES[f"{route.method} {path}"],
        "summary": route.about,
        "tags": [tag_of(route.path)],
        "parameters": [*(_path_parameter(name) for name in names), *(_query(query) for query in route.query)],
        "responses": _responses(route, references),
        "security": _security(route),
    }
    if route.body is not None:
        schema = references[route.body.shape] if route.body.shape else {}
        example = request_example(f"{route.method} {path}")
        content = {"schema": schema, **({"example": example} if example is not None else {})}
        operation["requestBody"] = {
            "required": route.body.needed,
            "content": dict.fromkeys(route.body.types, content),
        }
    return operation


def _security(route: Operation) -> list[Object]:
    """OpenAPI 3.1 §4.8.30: names in schemes other than OAuth's are roles; one requirement for each that is enough."""
    scopes = sorted(scope.value for scope in route.scopes)
    return [{scheme: [scope]} for scheme in ("bearer", "certificate") for scope in scopes]


def _responses(route: Operation, references: dict[object, Object]) -> Object:
    responses: Object = {str(answer.status): _answer(answer, references) for answer in route.answers}
    for status, codes in sorted(_refusals(route).items()):
        about = f"{HTTPStatus(status).phrase}: {', '.join(codes)}"
        responses[str(status)] = {"description": about, "content": {JSON: {"schema": references[ErrorBody]}}}
    return responses


def _refusals(route: Operation) -> dict[int, list[str]]:
    """Status → codes: what every operation of its kind may be refused with, and what is its own."""
    found: dict[int, list[str]] = {}
    if route.scopes:
        found[401] = ["no-token", "wrong-token", "expired-token"]
        found[403] = ["wrong-scope"]
    if "{ref}" in route.path:
        found[403] = [*found.get(403, []), "not-your-call"]
        found[404] = ["no-such-call"]
        found[409] = ["several-calls", *(["call-ended"] if route.method != "GET" else [])]
    if route.body is not None:
        found |= {400: ["bad-body"], 408: ["too-slow"], 413: ["too-large"], 415: ["wrong-type"]}
    if route.query:
        found.setdefault(400, []).append("bad-query")
    for status, code in route.faults:
        if code not in found.setdefault(status, []):
            found[status].append(code)
    return found


def _answer(answer: GoodAnswer, references: dict[object, Object]) -> Object:
    shown: Object = {"description": answer.about}
    if answer.headers:
        shown["headers"] = {name: {"schema": {"type": "string"}} for name in answer.headers}
    if answer.kind:
        schema: Object = {}
        if answer.shape:
            schema = {"schema": references[answer.shape], "example": answer_example(answer.shape)}
        shown["content"] = {kind: schema for kind in (answer.kind, answer.or_kind) if kind}
    return shown


def _path_parameter(name: str) -> Object:
    return {"name": name, "in": "path", "required": True, "description": _ABOUT[name], "schema": {"type": "string"}}


def _query(query: Query) -> Object:
    return {"name": query.name, "in": "query", "description": query.about, "schema": {"type": query.kind}}
