"""From the environment and a YAML file to `Settings`: everything is looked at before anything is complained about."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reconciler.config.kinds import is_loopback
from reconciler.config.reading import Part, Reader, files_of_secrets, names_of
from reconciler.config.settings import Settings, about, env_name
from reconciler.config.sources import (
    CONFIG_VARIABLE,
    OTHER_PROGRAMS,
    PREFIX,
    UPSTREAM_VARIABLE,
    Found,
    closest,
    did_you_mean,
    environment,
)
from reconciler.config.upstreams import ALONE, SECTIONS, LibrarySettings, QBittorrentSettings, UpstreamSettings
from reconciler.errors import ConfigError
from reconciler.model import UpstreamKind


def load_settings(environ: Mapping[str, str], path: Path | None = None) -> Settings:
    """Return the settings; the environment outweighs the file at `path` (default: the one `RECONCILER_CONFIG` names).

    Raises `ConfigError` with every problem, each with its fix. No problem quotes a secret or an address.
    """
    variables = environment(environ)
    named = variables.get(CONFIG_VARIABLE)
    loading = _Loading(Reader(variables, path or (Path(named) if named else None)))
    settings = loading.settings()
    if settings is None or loading.problems:
        raise ConfigError(list(dict.fromkeys(loading.problems)))
    return settings


class _Loading:
    """One loading: what the reader reads, and what only shows when everything is looked at together."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.problems = reader.problems

    def settings(self) -> Settings | None:
        content = self._reader.content
        self._refuse_unknown_variables()
        self._refuse_mistyped_upstreams()
        top = Part(Settings, has_variables=True)
        sections = {kind.value: content.get(kind.value) for kind in SECTIONS}
        self._reader.take_from_file(top, {k: v for k, v in content.items() if k not in sections}, also=sections)
        self._reader.take_from_environment(top)
        upstreams = {kind: self._upstream(kind, sections[kind.value]) for kind in SECTIONS}
        self._refuse_sharing(upstreams)
        for kind, instances in upstreams.items():
            top.found[kind.value] = Found(tuple(instances), kind.value)
        settings = self._reader.build(top)
        if settings is None:  # look at the rest too: leave out what is broken, and go on
            rest = {key: found for key, found in top.found.items() if key not in top.broken}
            settings = self._reader.build(Part(Settings, has_variables=True, found=rest))
        if settings:
            self._refuse_useless_previous(settings, top.broken)
            self._refuse_read_token(settings, top.broken)
        if settings and "host" not in top.broken:
            self._refuse_exposure(settings, top.broken)
        return settings

    # --- variables ---

    def _refuse_unknown_variables(self) -> None:
        own = names_of(None)
        known = {CONFIG_VARIABLE, *own, *files_of_secrets()}
        for name in sorted(self._reader.variables):
            if name.startswith(PREFIX) and name not in known:
                self.problems.append(f"{name} is no setting{did_you_mean(name, known)}; remove or correct it.")

    def _refuse_mistyped_upstreams(self) -> None:
        """Name variables such as RADAR_URL: they would be passed over, and the upstream with them."""
        known = {kind.value.upper() for kind in SECTIONS}
        meant = {name for kind in SECTIONS for name in names_of(kind)}
        meant |= {f"{name}_FILE" for name in meant}
        for name in sorted(self._reader.variables):
            match = UPSTREAM_VARIABLE.fullmatch(name)
            if match is None or match["prefix"] in known | OTHER_PROGRAMS:
                continue
            close = closest(match["prefix"], known, cutoff=0.8)
            if close and f"{close}_{match['rest']}" in meant:
                self.problems.append(
                    f"{name} is no setting (did you mean {close}_{match['rest']}?); correct or remove it."
                )

    # --- upstreams ---

    def _upstream(self, kind: UpstreamKind, written: object) -> list[UpstreamSettings]:
        """Return the instances of one kind. The variables speak of the first one."""
        model = SECTIONS[kind]
        parts = [] if written is None else list(self._reader.split(kind.value, written, model, many=True))
        own = Part(model, f"{kind.value}.", kind, has_variables=True)
        self._reader.take_from_environment(own)
        if own.given:
            parts = parts or [Part(model, own.place)]
            parts[0].found |= own.found
            parts[0].broken = (parts[0].broken - own.found.keys()) | own.broken
        for first in parts[:1]:
            first.kind, first.has_variables = kind, True
        if len(parts) > 1 and kind in ALONE:
            self.problems.append(f"{kind.value} has {len(parts)} instances, and only one can be served; keep one.")
        if kind is UpstreamKind.QBITTORRENT:
            for part in parts:
                self._check_login(part)
        built = [self._reader.build(part) for part in parts]
        return [instance for instance in built if instance is not None]

    def _check_login(self, part: Part[UpstreamSettings]) -> None:
        """Demand exactly one complete way into qBittorrent."""
        given = part.given & {"username", "password", "api_key"}
        if given in ({"username", "password"}, {"api_key"}):
            return
        user, password, key = (part.called(key) for key in ("username", "password", "api_key"))
        if "api_key" in given:
            self.problems.append(
                f"{part.place.removesuffix('.')} has an API key as well as a user name or password; keep {key} or "
                f"{user} and {password}."
            )
        else:
            missing = sorted({"username", "password"} - given, reverse=True)
            wanted = " and ".join(part.called(key) for key in missing)
            self.problems.append(
                f"{part.place}{missing[0]} is missing; set {wanted} (or {key} alone, for qBittorrent 5.2 and later)."
            )
        part.broken.add("api_key")

    # --- what only shows together ---

    def _refuse_sharing(self, upstreams: Mapping[UpstreamKind, Sequence[UpstreamSettings]]) -> None:
        """Refuse names that would let one instance be taken for another."""
        every = [instance for instances in upstreams.values() for instance in instances]
        for name in _twice(instance.name for instance in every):
            count = sum(instance.name == name for instance in every)
            self.problems.append(f'The name "{name}" is given to {count} instances; give each its own name.')
        clients = [one.download_clients for one in every if isinstance(one, QBittorrentSettings)]
        self.problems += [
            f'The download client "{name}" is given to several qBittorrents; leave it to the one that Radarr and '
            "Sonarr mean by it."
            for name in _twice(name for names in clients for name in names)
        ]
        for kind, instances in upstreams.items():
            libraries = [one for one in instances if isinstance(one, LibrarySettings)]
            self.problems += [
                f'The instance name "{name}" is given to several {kind.value} instances; give each its own one in its '
                "Settings → General, and here."
                for name in _twice(one.instance_name for one in libraries if one.instance_name)
            ]

    def _refuse_useless_previous(self, settings: Settings, broken: set[str]) -> None:
        """Refuse a previous secret that does not help to change the present one."""
        for key in ("webhook_secret", "api_token"):
            present, previous = getattr(settings, key), getattr(settings, f"previous_{key}")
            if previous is None or key in broken:
                continue
            name, earlier = env_name(key), env_name(f"previous_{key}")
            if present is None:
                self.problems.append(
                    f"previous_{key} is set and {key} is not; set {name} to the new secret, or remove {earlier}."
                )
            elif present == previous:
                self.problems.append(
                    f"previous_{key} is the same as {key}; set {name} to the new secret, or remove {earlier}."
                )

    def _refuse_read_token(self, settings: Settings, broken: set[str]) -> None:
        """Refuse one that would allow more than to look, or that nobody would have to show."""
        token = settings.read_token
        if token is None:
            return
        name = env_name("read_token")
        if settings.api_token is None and "api_token" not in broken:
            self.problems.append(
                f"read_token is set and api_token is not, so everybody may do everything; set {env_name('api_token')}, "
                f"or remove {name}."
            )
        for key in ("api_token", "previous_api_token", "webhook_secret", "previous_webhook_secret"):
            if token == getattr(settings, key):
                self.problems.append(f"read_token is the same as {key}; set {name} to a secret of its own.")

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


def _twice(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once, in order."""
    every = list(names)
    return sorted({name for name in every if every.count(name) > 1})
