"""What the Prometheus Operator's objects must look like: the parts of its definitions that the chart uses, strictly."""

from typing import Any

import jsonschema

Schema = dict[str, Any]


def _mapping(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_DURATION: Schema = {"type": "string", "pattern": r"^(0|([0-9]+(ms|s|m|h|d|w|y))+)$"}
_NAME: Schema = {"type": "string", "pattern": r"^[A-Z][A-Za-z]+$"}

_SPECS = {
    "ServiceMonitor": _mapping(
        {
            "selector": _mapping({"matchLabels": _TEXTS}, "matchLabels"),
            "namespaceSelector": _mapping({"matchNames": _list(_TEXT)}, "matchNames"),
            "endpoints": _list(
                _mapping(
                    {"port": _TEXT, "path": _TEXT, "interval": _DURATION, "scrapeTimeout": _DURATION}, "port", "path"
                )
            ),
        },
        "selector",
        "endpoints",
    ),
    "PrometheusRule": _mapping(
        {
            "groups": _list(
                _mapping(
                    {
                        "name": _TEXT,
                        "rules": _list(
                            _mapping(
                                {
                                    "alert": _NAME,
                                    "expr": _TEXT,
                                    "for": _DURATION,
                                    "labels": _TEXTS,
                                    "annotations": _TEXTS,
                                },
                                "alert",
                                "expr",
                                "labels",
                                "annotations",
                            )
                        ),
                    },
                    "name",
                    "rules",
                )
            )
        },
        "groups",
    ),
}


def validate(manifest: Schema) -> None:
    """Raise `jsonschema.ValidationError` for an object that the operator would refuse."""
    whole = _mapping(
        {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}, "spec": _SPECS[manifest["kind"]]}, "spec"
    )
    jsonschema.validate(manifest, whole)
