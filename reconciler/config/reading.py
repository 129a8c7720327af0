"""Reading one section of the settings after another: from the file, from the environment, into its model.

Every problem becomes a sentence with its fix, and nothing stops at the first one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.config.sections import Section
from reconciler.config.settings import Settings, about, env_name, has_variables, keys_of, section_of
from reconciler.config.sources import Found, closest, did_you_mean, read_secret, read_yaml
from reconciler.config.upstreams import SECTIONS
from reconciler.model import UpstreamKind

M = TypeVar("M", bound=BaseModel)
S = TypeVar("S", bound=Section)

_NEVER_QUOTED = frozenset({"url", "username", "tracker"})
"""Keys whose values may hold a secret by mistake; the address of a tracker often has a passkey in it."""


@dataclass
class Part(Generic[M]):
    """What was found for one model: values by key, and the keys that already have a problem.

    `place` is how a message names its keys: `radarr[0].` or nothing. `kind` and `section` tell which variables belong
    to it; without `has_variables` everything is in the file.
    """

    model: type[M]
    place: str = ""
    kind: UpstreamKind | None = None
    section: str = ""
    has_variables: bool = False
    found: dict[str, Found] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @property
    def given(self) -> set[str]:
        """The keys somebody wrote, well or not."""
        return self.found.keys() | self.broken

    def called(self, key: str) -> str:
        """Return how a person sets a key: by its variable, if it has one, or by its place in the file."""
        if self.has_variables and about(self.model, key).env:
            return self.variable(key)
        return f"{self.place}{key}"

    def variable(self, key: str) -> str:
        """Return the variable of a key that has one."""
        return env_name(key, self.kind, section=self.section)


def names_of(kind: UpstreamKind | None) -> set[str]:
    """Return the variables of one upstream, or those of the reconciler itself."""
    model = SECTIONS[kind] if kind else Settings
    own = {env_name(key, kind) for key in keys_of(model) if about(model, key).env}
    return own if kind else own | {env_name(key, section=section) for section, _, key in _keys_of_sections()}


def files_of_secrets() -> set[str]:
    """Return the variables of the reconciler itself that name a file with a secret."""
    own = {env_name(key) for key in keys_of(Settings) if about(Settings, key).hidden}
    own |= {env_name(key, section=section) for section, model, key in _keys_of_sections() if about(model, key).hidden}
    return {f"{name}_FILE" for name in own}


def _keys_of_sections() -> list[tuple[str, type[Section], str]]:
    """Return what can be set by a variable in the sections of the reconciler itself: section, its model, key."""
    sections = {name: found[0] for name in keys_of(Settings) if (found := section_of(Settings, name)) is not None}
    return [(name, model, key) for name, model in sections.items() for key in keys_of(model) if about(model, key).env]


class Reader:
    """One reading of everything, collecting problems."""

    def __init__(self, variables: Mapping[str, str], path: Path | None) -> None:
        self.problems: list[str] = []
        self.variables = variables
        self.file = str(path) if path else "the file"
        self.content = read_yaml(path, self.problems) if path else {}

    # --- where values are found ---

    def take_from_file(self, part: Part[M], content: Mapping[str, object], *, also: Iterable[str] = ()) -> None:
        """Take what is written for a part; keys that are none become problems. `also` are keys that were meant."""
        keys = keys_of(part.model)
        known = {*keys, *(f"{key}_file" for key in keys if about(part.model, key).hidden)}
        for key, value in content.items():
            where = f"{part.place}{key} in {self.file}"
            if key not in known:
                meant = did_you_mean(key, {*known, *also})
                self.problems.append(f"{where} is no setting{meant}; remove or correct it.")
            elif value is not None:
                part.found[key] = Found(value, where)
        for key in keys:
            self._resolve_secret_file(part, key)
            self._resolve_section(part, key)

    def take_from_environment(self, part: Part[M]) -> None:
        """Take what the variables of a part say, instead of what the file said."""
        for key in keys_of(part.model):
            note = about(part.model, key)
            if not note.env:
                continue
            name = part.variable(key)
            inside = Part(part.model, part.place)
            if name in self.variables:
                inside.found[key] = Found(self.variables[name], name)
            if note.hidden and f"{name}_FILE" in self.variables:
                inside.found[f"{key}_file"] = Found(self.variables[f"{name}_FILE"], f"{name}_FILE")
            self._resolve_secret_file(inside, key)
            if key in inside.given:
                part.broken.discard(key)
            part.found |= inside.found
            part.broken |= inside.broken

    def split(self, place: str, written: object, model: type[S], *, many: bool) -> Iterable[Part[S]]:
        """Return a part for each section written at one place: one, or with `many` also a list of them."""
        is_list = many and isinstance(written, list)
        for number, content in enumerate(written if isinstance(written, list) and many else [written]):
            name = f"{place}[{number}]" if is_list else place
            part = Part(model, f"{name}.")
            if isinstance(content, dict):
                self.take_from_file(part, {str(key): value for key, value in content.items()})
                yield part
            else:
                self.problems.append(f"{name} in {self.file} must hold {_example(model)}{_OR_LIST if many else ''}.")

    def _resolve_section(self, part: Part[M], key: str) -> None:
        section = section_of(part.model, key)
        if section is None:
            return
        model, many = section
        written = part.found.pop(key, None)
        before = len(self.problems)
        inner = list(self.split(f"{part.place}{key}", written.value, model, many=many)) if written else []
        if part.model is Settings and has_variables(model):
            inner = self._with_variables(inner, model, key)
        if not inner and written is None:
            return
        whole = [built for one in inner if (built := self.build(one)) is not None]
        if len(self.problems) > before:
            part.broken.add(key)
        else:
            part.found[key] = Found(tuple(whole) if many else whole[0], written.origin if written else key)

    def _with_variables(self, written: list[Part[S]], model: type[S], section: str) -> list[Part[S]]:
        """Add what the variables of a section say to what the file says of it."""
        own = written[0] if written else Part(model, f"{section}.")
        own.section, own.has_variables = section, True
        self.take_from_environment(own)
        return [own] if own.given or written else []

    def _resolve_secret_file(self, part: Part[M], key: str) -> None:
        named = part.found.pop(f"{key}_file", None)
        if named is None:
            return
        if key in part.found:
            self.problems.append(f"Both {part.found[key].origin} and {named.origin} are set; keep one of them.")
            part.broken.add(key)
            return
        text = read_secret(named.origin, named.value, self.problems)
        if text is None:
            part.broken.add(key)
        else:
            part.found[key] = Found(text, named.origin)

    # --- judging ---

    def build(self, part: Part[M]) -> M | None:
        """Return the model; on a problem add its words, mark the key as broken and return `None`."""
        before = set(part.broken)
        lacks = part.model.lacks(part.given) if issubclass(part.model, Section) else ""
        if lacks:
            self.problems.append(f"{part.place.removesuffix('.')} in {self.file} {lacks}.")
        try:
            built = part.model.model_validate({key: found.value for key, found in part.found.items()})
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_context=False, include_input=False)
            for key in dict.fromkeys(str(error["loc"][0]) for error in errors):
                if key not in before:
                    self.problems.append(self._words(part, key))
                part.broken.add(key)
            return None
        return None if before or lacks else built

    def _words(self, part: Part[M], key: str) -> str:
        note = about(part.model, key)
        found = part.found.get(key)
        if found is not None:
            hidden = note.hidden or key in _NEVER_QUOTED or not isinstance(found.value, str | int | float)
            said = "cannot be used" if hidden else f"is {str(found.value)[:80]!r}"
            return f"{found.origin} {said}; it must be {note.accepts}."
        if not (part.has_variables and note.env):
            file_variant = f" or {key}_file" if note.hidden else ""
            return f"{part.place}{key} is missing; set {key}{file_variant} in the file."
        name = part.variable(key)
        file_variant = f", {name}_FILE" if note.hidden else ""
        hint = self._nearly(name, part.kind)
        return f"{part.place}{key} is missing; set {name}{file_variant} or {key} in the file{hint}."

    def _nearly(self, name: str, kind: UpstreamKind | None) -> str:
        """Point out a variable that was probably meant to be the one called `name`."""
        alike = [other for other in self.variables if other.partition("_")[0] == name.partition("_")[0]]
        close = closest(name, [other for other in alike if other != name and other not in names_of(kind)])
        return f" ({close} is set: did you mean {name}?)" if close else ""


_OR_LIST = ", or be a list of such sections"


def _example(model: type[Section]) -> str:
    """Return the shortest thing that a section may hold."""
    if model in SECTIONS.values():
        return '"url: …" and the credentials'
    keys = keys_of(model)
    needed = [key for key in keys if model.model_fields[key].is_required()] or keys[:1]
    return " and ".join(f'"{key}: …"' for key in needed)
