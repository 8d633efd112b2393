"""The reference of the HTTP API, of the OpenAPI document that the gateway makes of its routes."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import MagicMock

from site_commands import plain

from splitter.web.api import table
from splitter.web.openapi import document

Schema = dict[str, Any]


def api() -> str:
    """A section for each group of paths, then the types that they speak of."""
    found: Any = json.loads(json.dumps(document(table(MagicMock()))))  # the routes alone: nobody is asked
    groups: dict[str, list[str]] = {}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(_group(path), []).append(_operation(method.upper(), path, operation))
    parts = [f"## {name}\n\n" + "\n".join(said) for name, said in groups.items()]
    parts.append("## Types\n")
    parts += [_type(name, schema) for name, schema in found["components"]["schemas"].items()]
    return "\n".join(parts)


def _group(path: str) -> str:
    words = [word for word in path.removeprefix("/v1/").split("/") if not word.startswith("{")]
    return "/".join(words[:2]) if words[0] in ("calls", "web") else words[0]


def _operation(method: str, path: str, operation: Schema) -> str:
    scopes = sorted({scope for one in operation["security"] for scopes in one.values() for scope in scopes})
    said = [f"### {method} {plain(path)}\n", f"{plain(operation['summary'])}.\n"]
    said.append("Scope: " + (", ".join(f"`{scope}`" for scope in scopes) or "none") + ".\n")
    parameters = [one for one in operation["parameters"] if one["name"] != "ref"]  # the page says it once
    if parameters:
        said.append("| parameter | in | type | meaning |\n|---|---|---|---|")
        for one in parameters:
            meaning = plain(one["description"])
            said.append(f"| `{one['name']}` | {one['in']} | {_shape(one['schema'])} | {meaning} |")
        said.append("")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        said.append(f"Body, `{kind}`: {_shape(content.get('schema', {}))}\n")
    said.append("| answer | meaning | type |\n|---|---|---|")
    for status, answer in operation["responses"].items():
        kinds = [_shape(one.get("schema", {})) for one in answer.get("content", {}).values()]
        said.append(f"| {status} | {plain(answer['description'])} | {', '.join(kinds)} |")
    return "\n".join(said) + "\n"


def _type(name: str, schema: Schema) -> str:
    said = [f"### {name}\n"]
    if "description" in schema:
        said.append(plain(schema["description"]) + "\n")
    if "properties" not in schema:
        return "\n".join([*said, _shape(schema) + "\n"])
    said.append("| field | type | always there |\n|---|---|---|")
    needed = schema.get("required", [])
    for field, shape in schema["properties"].items():
        said.append(f"| `{field}` | {_shape(shape)} | {'yes' if field in needed else ''} |")
    return "\n".join(said) + "\n"


def _shape(schema: Schema) -> str:
    """A type in a few words, with a link where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_shape(one) for one in schema.get("anyOf", schema.get("oneOf", [])))
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        inner = schema.get("prefixItems") or [schema.get("items") or {}]
        return f"list of {', '.join(_shape(one) for one in inner)}"
    return str(schema.get("type", "anything"))
