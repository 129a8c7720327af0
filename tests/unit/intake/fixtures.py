"""Webhooks as the upstreams send them, from `tests/fixtures/webhooks`."""

import json
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st

FOLDER = Path(__file__).parents[2] / "fixtures" / "webhooks"


def webhook(name: str) -> dict[str, object]:
    loaded = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def names(prefix: str) -> list[str]:
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}-*.json"))


calm = settings(deadline=None, derandomize=True)
"""The same examples in every run, however busy the machine is."""

any_text = st.text(st.characters(), max_size=20)  # lone surrogates and control characters included
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
"""Every value that Python's JSON parser can produce."""
