"""What an answer looks like: as JSON Schema for an endpoint that takes one, and as a sketch for every model."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


@cache
def schema(kind: type[BaseModel]) -> Schema:
    """The type's JSON Schema, short: references resolved, titles and the descriptions of classes left out."""
    whole = kind.model_json_schema()
    return _inlined({"$ref": "#"}, {"#": whole} | whole.get("$defs", {}))


def _inlined(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    if "$ref" in part:
        named = _inlined(definitions[part["$ref"].rsplit("/", 1)[-1]], definitions)
        named.pop("description", None)
        return named | {k: v for k, v in part.items() if k != "$ref"}
    kept = {k: v for k, v in part.items() if k not in ("$defs", "title", "properties", "items")}
    if "properties" in part:
        kept["properties"] = {name: _inlined(value, definitions) for name, value in part["properties"].items()}
    if "items" in part:
        kept["items"] = _inlined(part["items"], definitions)
    return kept


def sketch(part: Mapping[str, Any], indent: str = "") -> str:
    """The schema as a JSON object with types for values and a comment where there is something to say."""
    if "enum" in part:
        return " | ".join(f'"{value}"' for value in part["enum"])
    if part.get("type") == "array":
        return f"[{sketch(part['items'], indent)}, …]"
    if "properties" not in part:
        return str(part.get("type", "any"))
    required = part.get("required", ())
    lines = [
        _commented(f'{indent}  "{name}": {sketch(value, indent + "  ")},', _comment(value, name in required))
        for name, value in part["properties"].items()
    ]
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"


def _commented(text: str, comment: str) -> str:
    first, newline, rest = text.partition("\n")
    return f"{first}  // {comment}{newline}{rest}" if comment else text


def _comment(part: Mapping[str, Any], required: bool) -> str:
    return "; ".join(_remarks(part, required))


def _remarks(part: Mapping[str, Any], required: bool) -> Iterator[str]:
    if part.get("description"):
        yield part["description"]
    low, high = part.get("minItems"), part.get("maxItems")
    if low and high:
        yield f"{low} to {high} of them"
    elif low and low > 1:
        yield f"at least {low}"
    if part.get("type") == "array" and not required and "empty" not in part.get("description", ""):
        yield "may be empty"
