"""From the environment and a YAML file to `Settings`: everything is looked at before anything is complained about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.config.kinds import is_loopback
from reconciler.config.settings import SECTIONS, Settings, UpstreamSettings, about, env_name
from reconciler.config.sources import (
    CONFIG_VARIABLE,
    OTHER_PROGRAMS,
    PREFIX,
    UPSTREAM_VARIABLE,
    Found,
    closest,
    did_you_mean,
    environment,
    read_secret,
    read_yaml,
)
from reconciler.errors import ConfigError
from reconciler.model import UpstreamKind

M = TypeVar("M", bound=BaseModel)


def load_settings(environ: Mapping[str, str], path: Path | None = None) -> Settings:
    """Return the settings; the environment outweighs the file at `path` (default: the one `RECONCILER_CONFIG` names).

    Raises `ConfigError` with every problem, each with its fix. No problem quotes a secret or an address.
    """
    variables = environment(environ)
    named = variables.get(CONFIG_VARIABLE)
    reading = _Reading(variables, path or (Path(named) if named else None))
    settings = reading.settings()
    if settings is None or reading.problems:
        raise ConfigError(list(dict.fromkeys(reading.problems)))
    return settings


@dataclass
class _Section:
    """What was found for one model: values by key, and the keys that already have a problem."""

    place: str  # how a message names a key that is nowhere: `radarr.` or nothing
    found: dict[str, Found] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)


class _Reading:
    """One reading of everything, collecting problems."""

    def __init__(self, variables: Mapping[str, str], path: Path | None) -> None:
        self.problems: list[str] = []
        self._variables = variables
        self._file = str(path) if path else "the file"
        self._content = read_yaml(path, self.problems) if path else {}

    def settings(self) -> Settings | None:
        top = _Section("")
        keys = [key for key in Settings.model_fields if key not in SECTIONS]
        self._refuse_unknown_variables(keys)
        self._refuse_mistyped_upstreams()
        sections = {kind.value: self._content.get(kind.value) for kind in SECTIONS}
        self._take_from_file(
            top, Settings, keys, {k: v for k, v in self._content.items() if k not in sections}, also=sections
        )
        self._take_from_environment(top, Settings, keys, None)
        upstreams = {kind: self._upstream(kind, sections[kind.value]) for kind in SECTIONS}
        self._refuse_same_names([one for ones in upstreams.values() for one in ones])
        for kind, instances in upstreams.items():
            top.found[kind.value] = Found(tuple(instances), kind.value)
        settings = self._build(Settings, top, None)
        if settings is None:  # look at the rest too: leave out what is broken, and go on
            top.found = {key: found for key, found in top.found.items() if key not in top.broken}
            settings = self._build(Settings, top, None)
        if settings and "host" not in top.broken:
            self._refuse_exposure(settings, top.broken)
        return settings

    # --- where values are found ---

    def _take_from_file(
        self,
        section: _Section,
        model: type[BaseModel],
        keys: Iterable[str],
        content: Mapping[str, object],
        *,
        also: Iterable[str] = (),
    ) -> None:
        known = {*keys, *(f"{key}_file" for key in keys if about(model, key).hidden)}
        for key, value in content.items():
            where = f"{section.place}{key} in {self._file}"
            if key not in known:
                self.problems.append(
                    f"{where} is no setting{did_you_mean(key, {*known, *also})}; remove or correct it."
                )
            elif value is not None:
                section.found[key] = Found(value, where)
        for key in keys:
            self._resolve_secret_file(section, key, f"{key}_file")

    def _take_from_environment(
        self, section: _Section, model: type[BaseModel], keys: Iterable[str], kind: UpstreamKind | None
    ) -> None:
        for key in keys:
            note = about(model, key)
            if not note.env:
                continue
            name = env_name(key, kind)
            inside = _Section(section.place)
            if name in self._variables:
                inside.found[key] = Found(self._variables[name], name)
            if note.hidden and f"{name}_FILE" in self._variables:
                inside.found[f"{key}_file"] = Found(self._variables[f"{name}_FILE"], f"{name}_FILE")
            self._resolve_secret_file(inside, key, f"{key}_file")
            if key in inside.found or key in inside.broken:
                section.broken.discard(key)
            section.found |= inside.found
            section.broken |= inside.broken

    def _resolve_secret_file(self, section: _Section, key: str, file_key: str) -> None:
        named = section.found.pop(file_key, None)
        if named is None:
            return
        if key in section.found:
            self.problems.append(f"Both {section.found[key].origin} and {named.origin} are set; keep one of them.")
            section.broken.add(key)
            return
        text = read_secret(named.origin, named.value, self.problems)
        if text is None:
            section.broken.add(key)
        else:
            section.found[key] = Found(text, named.origin)

    def _refuse_unknown_variables(self, keys: Iterable[str]) -> None:
        known = {CONFIG_VARIABLE}
        for key in keys:
            known.add(env_name(key))
            if about(Settings, key).hidden:
                known.add(f"{env_name(key)}_FILE")
        for name in sorted(self._variables):
            if name.startswith(PREFIX) and name not in known:
                self.problems.append(f"{name} is no setting{did_you_mean(name, known)}; remove or correct it.")

    def _refuse_mistyped_upstreams(self) -> None:
        """Name variables such as RADAR_URL: they would be passed over, and the upstream with them."""
        known = {kind.value.upper() for kind in SECTIONS}
        meant = {name for kind in SECTIONS for name in self._names(kind)}
        meant |= {f"{name}_FILE" for name in meant}
        for name in sorted(self._variables):
            match = UPSTREAM_VARIABLE.fullmatch(name)
            if match is None or match["prefix"] in known | OTHER_PROGRAMS:
                continue
            close = closest(match["prefix"], known, cutoff=0.8)
            if close and f"{close}_{match['rest']}" in meant:
                self.problems.append(
                    f"{name} is no setting (did you mean {close}_{match['rest']}?); correct or remove it."
                )

    # --- upstreams ---

    def _upstream(self, kind: UpstreamKind, content: object) -> list[UpstreamSettings]:
        model = SECTIONS[kind]
        keys = list(model.model_fields)
        sections = [self._instance(kind, part, place) for part, place in self._parts(kind, content)]
        own = _Section(f"{kind.value}.")
        self._take_from_environment(own, model, keys, kind)
        if own.found or own.broken:
            sections = sections or [_Section(own.place)]
            sections[0].found |= own.found
            sections[0].broken = (sections[0].broken - own.found.keys()) | own.broken
        if len(sections) > 1:
            self.problems.append(
                f"{kind.value} has {len(sections)} instances, and this version serves one of each kind; keep one."
            )
        built = []
        for section in sections:
            if kind is UpstreamKind.QBITTORRENT:
                self._check_login(section)
            instance = self._build(model, section, kind)
            if instance:
                built.append(instance)
        return built

    def _parts(self, kind: UpstreamKind, content: object) -> list[tuple[dict[str, object], str]]:
        """Return the instances written in the file, each with how messages name it."""
        if content is None:
            return []
        many = isinstance(content, list)
        parts = []
        for number, part in enumerate(content if isinstance(content, list) else [content]):
            place = f"{kind.value}[{number}]" if many else kind.value
            if isinstance(part, dict):
                parts.append(({str(key): value for key, value in part.items()}, f"{place}."))
            else:
                self.problems.append(
                    f'{place} in {self._file} must hold "url: …" and the credentials, or be a list of such sections.'
                )
        return parts

    def _instance(self, kind: UpstreamKind, content: Mapping[str, object], place: str) -> _Section:
        section = _Section(place)
        model = SECTIONS[kind]
        self._take_from_file(section, model, list(model.model_fields), content)
        return section

    def _check_login(self, section: _Section) -> None:
        """Demand exactly one complete way into qBittorrent."""
        given = (section.found.keys() | section.broken) & {"username", "password", "api_key"}
        if given in ({"username", "password"}, {"api_key"}):
            return
        if "api_key" in given:
            self.problems.append(
                "qbittorrent has an API key as well as a user name or password; keep QBITTORRENT_API_KEY or "
                "QBITTORRENT_USERNAME and QBITTORRENT_PASSWORD."
            )
        else:
            missing = sorted({"username", "password"} - given, reverse=True)
            wanted = " and ".join(env_name(key, UpstreamKind.QBITTORRENT) for key in missing)
            self.problems.append(
                f"{section.place}{missing[0]} is missing; set {wanted} (or QBITTORRENT_API_KEY alone, for "
                "qBittorrent 5.2 and later)."
            )
        section.broken.add("api_key")

    # --- judging ---

    def _build(self, model: type[M], section: _Section, kind: UpstreamKind | None) -> M | None:
        """Return the model; on a problem add its words, mark the key as broken and return `None`."""
        before = set(section.broken)
        try:
            built = model.model_validate({key: found.value for key, found in section.found.items()})
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_context=False, include_input=False)
            for key in dict.fromkeys(str(error["loc"][0]) for error in errors):
                if key not in before:
                    self.problems.append(self._words(model, key, section, kind))
                section.broken.add(key)
            return None
        return None if before and kind else built

    def _words(self, model: type[BaseModel], key: str, section: _Section, kind: UpstreamKind | None) -> str:
        note = about(model, key)
        found = section.found.get(key)
        if found is not None:
            hidden = note.hidden or key in {"url", "username"} or not isinstance(found.value, str | int | float)
            said = "cannot be used" if hidden else f"is {str(found.value)[:80]!r}"
            return f"{found.origin} {said}; it must be {note.accepts}."
        name = env_name(key, kind)
        unused = [other for other in self._variables if other.partition("_")[0] == name.partition("_")[0]]
        close = closest(name, [other for other in unused if other != name and other not in self._names(kind)])
        hint = f" ({close} is set: did you mean {name}?)" if close else ""
        file_variant = f", {name}_FILE" if note.hidden else ""
        return f"{section.place}{key} is missing; set {name}{file_variant} or {key} in the file{hint}."

    @staticmethod
    def _names(kind: UpstreamKind | None) -> set[str]:
        """Return the variables that belong to one section."""
        return {env_name(key, kind) for key in (SECTIONS[kind] if kind else Settings).model_fields}

    def _refuse_same_names(self, instances: Iterable[UpstreamSettings]) -> None:
        names = [instance.name for instance in instances]
        self.problems += [
            f'The name "{name}" is given to {names.count(name)} instances; give each its own name.'
            for name in sorted({name for name in names if names.count(name) > 1})
        ]

    def _refuse_exposure(self, settings: Settings, broken: set[str]) -> None:
        if is_loopback(settings.host):
            return
        for key in ("webhook_secret", "api_token"):
            if getattr(settings, key) is None and key not in broken:
                name = env_name(key)
                self.problems.append(
                    f"host is {settings.host}, which others can reach, and {key} is missing; set {name} or {name}_FILE "
                    f"to {about(Settings, key).accepts}, or listen on 127.0.0.1."
                )
