"""The reference of the HTTP API, of the OpenAPI document that the gateway makes of its routes."""

from __future__ import annotations

import json
import re
from typing import Any
from unittest.mock import MagicMock

from site_commands import plain
from site_words import Words, english

from splitter.web.api import table
from splitter.web.openapi import document

Schema = dict[str, Any]
_LONG, _LONGEST = 16, 2000  # lines of an example that is spread out, and letters of one that is shown


def api(words: Words = english) -> str:
    """A section for each group of paths, then the types that they speak of."""
    found: Any = json.loads(json.dumps(document(table(MagicMock()))))  # the routes alone: nobody is asked
    groups: dict[str, list[str]] = {}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(_group(path), []).append(_operation(method.upper(), path, operation, words))
    parts = [f"## {name}\n\n" + "\n".join(said) for name, said in groups.items()]
    parts.append(f"## {words('Types')}\n")
    parts += [_type(name, schema, words) for name, schema in found["components"]["schemas"].items()]
    return "\n".join(parts)


def _group(path: str) -> str:
    words = [word for word in path.removeprefix("/v1/").split("/") if not word.startswith("{")]
    return "/".join(words[:2]) if words[0] in ("calls", "web") else words[0]


def _operation(method: str, path: str, operation: Schema, words: Words) -> str:
    scopes = sorted({scope for one in operation["security"] for scopes in one.values() for scope in scopes})
    said = [f"### {method} {plain(path)}\n", plain(words(operation["summary"] + ".")) + "\n"]
    named = ", ".join(f"`{scope}`" for scope in scopes) or words("none")
    said.append(words("Scope: {scopes}.").replace("{scopes}", named) + "\n")
    parameters = [one for one in operation["parameters"] if one["name"] != "ref"]  # the page says it once
    if parameters:
        said.append(_head(("parameter", "in", "type", "meaning"), words))
        for one in parameters:
            meaning = plain(words(one["description"]))
            said.append(f"| `{one['name']}` | {words(one['in'])} | {_shape(one['schema'], words)} | {meaning} |")
        said.append("")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        said.append(f"{words('Body')}, `{kind}`: {_shape(content.get('schema', {}), words)}\n")
        said += _example(content)
    said.append(_head(("answer", "meaning", "type"), words))
    for status, answer in operation["responses"].items():
        kinds = [_shape(one.get("schema", {}), words) for one in answer.get("content", {}).values()]
        said.append(f"| {status} | {plain(words(answer['description']))} | {', '.join(kinds)} |")
    said.append("")
    for answer in operation["responses"].values():
        for content in [*answer.get("content", {}).values()][:1]:
            said += _example(content)
    return "\n".join(said) + "\n"


def _example(content: Schema) -> list[str]:
    """What is sent or answered, for example; long answers say at their type what they hold."""
    if "example" not in content:
        return []
    text = json.dumps(content["example"], ensure_ascii=False, indent=2)
    short = text if text.count("\n") < _LONG else json.dumps(content["example"], ensure_ascii=False)
    return [f"```json\n{short}\n```\n"] if len(short) < _LONGEST else []


def _head(names: tuple[str, ...], words: Words) -> str:
    return f"| {' | '.join(words(name) for name in names)} |\n{'|---' * len(names)}|"


def _type(name: str, schema: Schema, words: Words) -> str:
    said = [f"### {name}\n"]
    if about := _about(schema):
        said.append(plain(words(about)) + "\n")
    if "properties" not in schema:
        return "\n".join([*said, _shape(schema, words) + "\n"])
    said.append(_head(("field", "type", "always there", "meaning"), words))
    needed = schema.get("required", [])
    for field, shape in schema["properties"].items():
        there = words("yes") if field in needed else ""
        meaning = plain(words(shape["description"]))
        said.append(f"| `{field}` | {_shape(shape, words)} | {there} | {meaning} |")
    return "\n".join(said) + "\n"


def _about(schema: Schema) -> str:
    """What a type says of itself; what it says of its fields stands at each of them."""
    text = " ".join(schema.get("description", "").partition("Attributes:")[0].split())
    for name in re.finditer(r"(?:^|[.,:;] )`(\w+)`", text):
        if name[1] in schema.get("properties", {}):
            text = text[: name.start()]
            return text + "." if text and text[-1] not in ".?!" else text
    return text


def _shape(schema: Schema, words: Words) -> str:
    """A type in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        return _or(words).join(_shape(one, words) for one in schema.get("anyOf", schema.get("oneOf", [])))
    if "enum" in schema:
        return _or(words).join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        inner = schema.get("prefixItems") or [schema.get("items") or {}]
        return f"{words('list of')} {', '.join(_shape(one, words) for one in inner)}"
    return words(str(schema.get("type", "anything")))


def _or(words: Words) -> str:
    return f" {words('or')} "
