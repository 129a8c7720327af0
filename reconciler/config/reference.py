"""The list of every setting, derived from the models, and the page made of it.

`python -m reconciler.config > docs/configuration.md` writes the page anew; a test compares.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from reconciler.config.settings import SECTIONS, Settings, about, env_name
from reconciler.config.sources import CONFIG_VARIABLE
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


def _settings_of(model: type[BaseModel], section: UpstreamKind | None) -> list[Setting]:
    rows = []
    for key, field in model.model_fields.items():
        if key in SECTIONS:
            continue
        note = about(model, key)
        rows.append(
            Setting(
                key=f"{section.value}.{key}" if section else key,
                env=env_name(key, section) if note.env else None,
                default="" if field.default is PydanticUndefined else _text(field.default),
                accepts=note.accepts,
                description=note.description,
                secret=note.hidden,
                required=field.is_required(),
            )
        )
    return rows


def _text(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, Enum):
        return str(default.value)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, frozenset):
        return ",".join(sorted(default))
    return str(default)


SETTINGS_REFERENCE: Final[tuple[Setting, ...]] = (
    *_settings_of(Settings, None),
    *(setting for kind, model in SECTIONS.items() for setting in _settings_of(model, kind)),
)
"""Every setting there is, in the order of the page."""

_HEAD = f"""\
# Configuration

Settings come from environment variables and, if `{CONFIG_VARIABLE}` names one, from a YAML file. The environment
outweighs the file. An empty variable counts as not set; surrounding white space is removed.

- Every secret can be read from a file: add `_FILE` to its variable (`RADARR_API_KEY_FILE=/run/secrets/radarr`) or
  `_file` to its YAML key. Setting both is an error.
- Lists are written with commas in a variable (`a,b`) and as a list in YAML.
- Unknown YAML keys and unknown `RECONCILER_…` variables are errors, and so are variables of a mistyped upstream
  (`RADAR_URL`). All problems are reported at once.
- An upstream without any setting is not used, and the rest works. This version serves one instance of each kind.
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
```
"""

_TITLES = {
    "": "The reconciler",
    UpstreamKind.QBITTORRENT.value: "qBittorrent",
    UpstreamKind.RADARR.value: "Radarr",
    UpstreamKind.SONARR.value: "Sonarr",
    UpstreamKind.JELLYSEERR.value: "Jellyseerr",
}


def settings_markdown() -> str:
    """Return `docs/configuration.md`."""
    parts = [_HEAD]
    for section, title in _TITLES.items():
        rows = [setting for setting in SETTINGS_REFERENCE if setting.key.rpartition(".")[0] == section]
        parts.append(f"\n## {title}\n\n| Key | Variable | Default | Accepts | Meaning |\n|---|---|---|---|---|\n")
        parts += [_row(setting) for setting in rows]
    return "".join(parts)


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else "required" if setting.required else "none"
    variable = f"`{setting.env}`" if setting.env else "only in the file"
    if setting.secret:
        variable += " (or `_FILE`)"
    cells = [f"`{setting.key}`", variable, default, setting.accepts, setting.description]
    return f"| {' | '.join(cells)} |\n"
