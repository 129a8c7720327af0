"""The OpenAPI document in the order in which people read it. Pure: from the document to what a template shows."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_SECRETS = {"apiToken": "API token", "readToken": "read token", "webhookSecret": "webhook secret"}


@dataclass(frozen=True)
class Word:
    """A piece of what a value can be; `schema` is the name of a schema that it leads to."""

    text: str
    schema: str | None = None


Words = tuple[Word, ...]


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a schema."""

    name: str
    words: Words
    about: str
    place: str = ""
    is_required: bool = False


@dataclass(frozen=True)
class Outcome:
    status: str
    about: str
    media: str
    words: Words


@dataclass(frozen=True)
class Example:
    name: str
    text: str


@dataclass(frozen=True)
class Read:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    secret: str
    parameters: tuple[Field, ...]
    body: str
    body_words: Words
    examples: tuple[Example, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Chapter:
    name: str
    about: str
    operations: tuple[Read, ...]


@dataclass(frozen=True)
class Shape:
    """One schema: its fields, or the words it may be."""

    name: str
    about: str
    fields: tuple[Field, ...]
    words: Words


def chapters(document: Mapping[str, Any]) -> tuple[Chapter, ...]:
    """Return the operations by what they are about."""
    operations = [
        (made["tags"][0], _read(document, path, method, made))
        for path, methods in document["paths"].items()
        for method, made in methods.items()
    ]
    return tuple(
        Chapter(tag["name"], tag["description"], tuple(read for name, read in operations if name == tag["name"]))
        for tag in document["tags"]
    )


def shapes(document: Mapping[str, Any]) -> tuple[Shape, ...]:
    """Return the schemas that answers and bodies are made of."""
    return tuple(_shape(name, schema) for name, schema in document["components"]["schemas"].items())


def _read(document: Mapping[str, Any], path: str, method: str, made: Mapping[str, Any]) -> Read:
    body = made.get("requestBody", {})
    content: Mapping[str, Any] = next(iter(body.get("content", {}).values()), {})
    return Read(
        id=made["operationId"],
        method=method.upper(),
        path=path,
        summary=made["summary"],
        about=made.get("description", ""),
        secret=" or ".join(_SECRETS[name] for one in made["security"] for name in one),
        parameters=tuple(
            Field(one["name"], words_of(one["schema"]), one.get("description", ""), one["in"], one["required"])
            for one in made.get("parameters", ())
        ),
        body=body.get("description", ""),
        body_words=words_of(content["schema"]) if content.get("schema") else (),
        examples=tuple(
            Example(name.replace("-", " "), json.dumps(one["value"], indent=2, ensure_ascii=False))
            for name, one in content.get("examples", {}).items()
        ),
        outcomes=tuple(_outcome(document, status, one) for status, one in made["responses"].items()),
    )


def _outcome(document: Mapping[str, Any], status: str, made: Mapping[str, Any]) -> Outcome:
    if "$ref" in made:
        made = document["components"]["responses"][_name_of(made["$ref"])]
    contents: Mapping[str, Mapping[str, Any]] = made.get("content", {})
    media = next(iter(contents), "")
    content = contents.get(media)
    return Outcome(status, made["description"], media, words_of(content["schema"]) if content else ())


def _shape(name: str, schema: Mapping[str, Any]) -> Shape:
    required = schema.get("required", ())
    fields = tuple(
        Field(field, words_of(one), one.get("description", ""), is_required=field in required)
        for field, one in schema.get("properties", {}).items()
    )
    return Shape(name, schema.get("description", ""), fields, () if fields else words_of(schema))


# --- values in words -----------------------------------------------------------------------------------------------


def words_of(schema: Mapping[str, Any]) -> Words:
    """Say what a value can be."""
    if "$ref" in schema:
        name = _name_of(schema["$ref"])
        return (Word(name, name),)
    for several in ("anyOf", "oneOf"):
        if several in schema and "properties" not in schema:
            return _joined((words_of(one) for one in schema[several]), " or ")
    if "enum" in schema:
        return (Word(", ".join(_literal(one) for one in schema["enum"])),)
    if "const" in schema:
        return (Word(_literal(schema["const"])),)
    if schema.get("type") == "array":
        return (Word("list of "), *words_of(schema["items"]), *_said(_most(schema, "Items", "of them")))
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return (Word("object of "), *words_of(values)) if isinstance(values, dict) and values else (Word("object"),)
    return (Word(str(schema.get("type", "anything"))), *_said(_limits(schema)))


def _limits(schema: Mapping[str, Any]) -> Iterable[str]:
    if "format" in schema:
        yield schema["format"]
    if "minimum" in schema or "maximum" in schema:
        yield f"{schema.get('minimum', '…')} to {schema.get('maximum', '…')}"
    yield from _most(schema, "Length", "characters")
    if "pattern" in schema:
        yield schema["pattern"]
    if "default" in schema:
        yield f"default {_literal(schema['default'])}"


def _most(schema: Mapping[str, Any], what: str, noun: str) -> Iterable[str]:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if most is not None:
        yield f"{least or 0} to {most} {noun}"
    elif least:
        yield f"at least {least}"


def _said(limits: Iterable[str]) -> Words:
    said = ", ".join(limits)
    return (Word(f" ({said})"),) if said else ()


def _joined(several: Iterable[Words], between: str) -> Words:
    found: list[Word] = []
    for words in several:
        found += [Word(between), *words] if found else words
    return tuple(found)


def _literal(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _name_of(reference: str) -> str:
    return reference.rpartition("/")[2]
