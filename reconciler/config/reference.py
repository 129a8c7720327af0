"""The list of every setting, derived from the models, and the page made of it.

`python -m reconciler.config > docs/configuration.md` writes the page anew; a test compares.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from reconciler.config.settings import Settings, about, env_name, keys_of, section_of
from reconciler.config.sources import CONFIG_VARIABLE
from reconciler.config.upstreams import SECTIONS
from reconciler.model import UpstreamKind


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `key` is its YAML path, `env` its variable if it has one, `default` its text (`""`: none).

    A `secret` can also be read from a file: `env` and the YAML key with `_FILE` or `_file` at the end.
    """

    key: str
    env: str | None
    default: str
    accepts: str
    description: str
    secret: bool
    required: bool


def _settings_of(
    model: type[BaseModel], place: str = "", kind: UpstreamKind | None = None, *, inside: str = ""
) -> list[Setting]:
    """Return the settings of a model, each section inside it after the key that holds it."""
    rows = []
    for key in keys_of(model):
        note, field = about(model, key), model.model_fields[key]
        section = section_of(model, key)
        rows.append(
            Setting(
                key=f"{place}{key}",
                env=env_name(key, kind, section=inside) if note.env else None,
                default="" if field.default is PydanticUndefined or section else _text(field.default),
                accepts=note.accepts,
                description=note.description,
                secret=note.hidden,
                required=field.is_required(),
            )
        )
        if section:
            inner, many = section
            rows += _settings_of(inner, f"{place}{key}{'[]' if many else ''}.", inside=f"{inside}_{key}".lstrip("_"))
    return rows


def _text(default: object) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, Enum):
        return str(default.value)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return str(default)


SETTINGS_REFERENCE: Final[tuple[Setting, ...]] = (
    *_settings_of(Settings),
    *(setting for kind, model in SECTIONS.items() for setting in _settings_of(model, f"{kind.value}.", kind)),
)
"""Every setting there is. A list of sections has `[]` after its key."""

_HEAD = f"""\
# Configuration

Settings come from environment variables and, if `{CONFIG_VARIABLE}` names one, from a YAML file. The environment
outweighs the file. An empty variable counts as not set; surrounding white space is removed.

- Every secret can be read from a file: add `_FILE` to its variable (`RADARR_API_KEY_FILE=/run/secrets/radarr`) or
  `_file` to its YAML key. Setting both is an error.
- Lists are written with commas in a variable (`a,b`) and as a list in YAML; addresses of messengers, which may have
  commas in them, with white space between.
- Unknown YAML keys and unknown `RECONCILER_…` variables are errors, and so are variables of a mistyped upstream
  (`RADAR_URL`). All problems are reported at once.
- A section is a key with keys of its own; `rules[].tracker` is the key `tracker` of a section in the list `rules`.
- An upstream without any setting is not used, and the rest works. There can be several of qBittorrent, Radarr and
  Sonarr: write a list of sections, each with its own `name`. Variables then speak of the first one.
- To listen on anything but loopback, `webhook_secret` and `api_token` must be set.

```yaml
host: 0.0.0.0
webhook_secret_file: /run/secrets/webhook
api_token_file: /run/secrets/token
radarr:
  url: http://radarr:7878
  api_key_file: /run/secrets/radarr
qbittorrent:
  url: http://qbittorrent:8080
  username: admin
  password_file: /run/secrets/qbittorrent
sonarr:
  - url: http://sonarr:8989
    api_key_file: /run/secrets/sonarr
  - name: sonarr-4k
    url: http://sonarr-4k:8989
    api_key_file: /run/secrets/sonarr_4k
    is_4k: true
deny_windows:
  - cron: 0 18 * * fri-sun
    minutes: 300
    timezone: Europe/Berlin
seeding:
  private_min_hours: 336
  rules:
    - tracker: tracker.example.org
      min_ratio: 1
      min_hours: 72
      met_by: any
```
"""

_TITLES = {
    "": "The reconciler",
    "grace": "Grace periods by source",
    "deny_windows": "Deny windows",
    "seeding": "Seeding",
    "resync": "Resync",
    "notifications": "Notifications",
    UpstreamKind.QBITTORRENT.value: "qBittorrent",
    UpstreamKind.RADARR.value: "Radarr",
    UpstreamKind.SONARR.value: "Sonarr",
    UpstreamKind.JELLYSEERR.value: "Jellyseerr",
    UpstreamKind.JELLYFIN.value: "Jellyfin",
}


def settings_markdown() -> str:
    """Return `docs/configuration.md`."""
    parts = [_HEAD]
    for section, title in _TITLES.items():
        rows = [setting for setting in SETTINGS_REFERENCE if _section_of(setting.key) == section]
        parts.append(f"\n## {title}\n\n| Key | Variable | Default | Accepts | Meaning |\n|---|---|---|---|---|\n")
        parts += [_row(setting) for setting in rows]
    return "".join(parts)


def _section_of(key: str) -> str:
    """Return the heading that a key stands under."""
    head, dot, _ = key.partition(".")
    return head.removesuffix("[]") if dot else ""


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else "required" if setting.required else "none"
    variable = f"`{setting.env}`" if setting.env else "only in the file"
    if setting.secret:
        variable += " (or `_FILE`)"
    cells = [f"`{setting.key}`", variable, default, setting.accepts, setting.description]
    return f"| {' | '.join(cells)} |\n"
