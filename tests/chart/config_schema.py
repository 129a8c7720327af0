"""The schema of `config` in the chart's values, made of the settings, so that Helm refuses a typo by the key's name.

`make schema` writes it into `helm/values.schema.json` anew; a test compares. It is as strict as
the program about names, and less so about values: what only the program can judge, `reconciler check` tells.
"""

import json
import sys
from collections.abc import Iterable
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from reconciler.config import ByteCount, Settings
from reconciler.config.settings import about, keys_of, section_of
from reconciler.config.upstreams import ALONE, SECTIONS
from tests.chart.rendering import CHART

Schema = dict[str, Any]

FILE = CHART / "values.schema.json"
OF_THE_POD: Schema = {"port": {"minimum": 1024}}
"""What the pod adds: it is not root, so it cannot take a lower port."""
_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_LIMITS = {
    "ge": "minimum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "min_length": "minLength",
    "max_length": "maxLength",
}


def config_schema() -> Schema:
    """Return the schema of the whole YAML file."""
    upstreams = {kind.value: _section(model, many=kind not in ALONE) for kind, model in SECTIONS.items()}
    schema = _mapping(Settings, upstreams)
    for key, more in OF_THE_POD.items():
        schema["properties"][key] |= more
    return {"description": "The settings that are no secrets, named as in the YAML file.", **schema}


def _mapping(model: type[BaseModel], more: Schema | None = None) -> Schema:
    properties: Schema = {}
    for key in keys_of(model):
        note, section = about(model, key), section_of(model, key)
        if note.hidden:  # the chart itself refuses the first, and says where to put it
            properties[key] = {"description": "A secret, and this becomes a ConfigMap: never here."}
            properties[f"{key}_file"] = {"type": "string", "description": f"A file to read `{key}` from."}
        elif section:
            properties[key] = {**_section(section[0], many=section[1]), "description": note.description}
        else:
            field = model.model_fields[key]
            accepts = f"{note.accepts[0].upper()}{note.accepts[1:]}"
            value = _value(field.annotation) | _limits(field.metadata)
            properties[key] = {**value, "description": f"{note.description} {accepts}."}
    return {"type": "object", "additionalProperties": False, "properties": properties | (more or {})}


def _section(model: type[BaseModel], *, many: bool) -> Schema:
    """Return the schema of a section: a mapping, or also a list of them.

    Keywords for mappings say nothing about lists and the other way round, so both stand side by side; a choice
    (`anyOf`) would bury the message.
    """
    mapping = _mapping(model)
    return {**mapping, "type": ["array", "object"], "items": mapping} if many else mapping


def _value(kind: object) -> Schema:
    """Return the schema of a value in the forms that people write it in."""
    kind = getattr(kind, "__supertype__", kind)
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = [choice for choice in get_args(kind) if choice is not NoneType]
    if get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        return _value(kind) | _limits(limit for note in notes for limit in getattr(note, "metadata", ()))
    if get_origin(kind) is frozenset:
        return {"type": ["array", "string"], "items": _value(get_args(kind)[0])}
    assert isinstance(kind, type), f"a kind of value that the schema does not know yet: {kind}"
    if issubclass(kind, Enum):
        return {"enum": [choice.value for choice in kind]}
    if issubclass(kind, ByteCount):
        return {"type": ["integer", "string"], "minimum": 0}
    return {"type": _NAMES[kind]}


def _limits(notes: Iterable[object]) -> Schema:
    return {name: getattr(note, limit) for note in notes for limit, name in _LIMITS.items() if hasattr(note, limit)}


def updated(text: str) -> str:
    """Return the chart's schema with the part of `config` made anew."""
    schema: Schema = json.loads(text)
    schema["properties"]["config"] = config_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(updated(FILE.read_text()))
    sys.stderr.write(f"{FILE} is up to date\n")
