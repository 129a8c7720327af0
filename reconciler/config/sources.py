"""Where values come from: the environment and one YAML file. Reads; judges nothing but what cannot be read."""

import difflib
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONFIG_VARIABLE = "RECONCILER_CONFIG"
PREFIX = "RECONCILER_"
UPSTREAM_VARIABLE = re.compile(r"(?P<prefix>[A-Z]+)_(?P<rest>(URL|API_KEY|USERNAME|PASSWORD)(_FILE)?)")
OTHER_PROGRAMS = frozenset({"READARR"})
"""Programs whose names resemble an upstream's; several of them may share one environment file."""

# Kubernetes tells every pod of every Service in such variables; one called `reconciler` would look like our settings.
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S+")


@dataclass(frozen=True, slots=True)
class Found:
    """A value as somebody wrote it, and where: `origin` is how a message names the place."""

    value: object
    origin: str


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say something: not empty, and not put there by Kubernetes for a Service."""
    return {
        name: text.strip()
        for name, text in environ.items()
        if text.strip() and not _SERVICE_LINK.fullmatch(name) and not _is_service_address(name, text)
    }


def _is_service_address(name: str, text: str) -> bool:
    return name.startswith(PREFIX) and name.endswith("_PORT") and bool(_SERVICE_ADDRESS.fullmatch(text.strip()))


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is written twice is an error; silently, the last one would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f'"{key}" is written twice', problem_mark=node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, problems: list[str]) -> dict[str, object]:
    """Return the file's top level; what cannot be used becomes a problem. Never quotes the file: it holds secrets."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader, only stricter
    except OSError as error:
        problems.append(
            f"{path} cannot be read ({error.strerror}); correct {CONFIG_VARIABLE} or the file's permissions."
        )
        return {}
    except UnicodeDecodeError:
        problems.append(f"{path} is not UTF-8 text; save it as UTF-8.")
        return {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" in line {mark.line + 1}" if mark else ""
        problems.append(f"{path} is not valid YAML{place} ({error.problem}); correct it there.")
        return {}
    except yaml.YAMLError:
        problems.append(f"{path} is not valid YAML; it holds characters that YAML does not allow.")
        return {}
    if content is None:
        return {}
    if not isinstance(content, dict):
        problems.append(f'{path} must hold settings as "key: value" lines; see docs/configuration.md.')
        return {}
    return {str(key): value for key, value in content.items()}


def read_secret(place: str, file_name: object, problems: list[str]) -> str | None:
    """Return a secret file's text without surrounding white space, or `None` with a problem."""
    if not isinstance(file_name, str):
        problems.append(f"{place} must be the path of a file, as text.")
        return None
    try:
        text = Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(f"{place} names {file_name}, which cannot be read ({why}); mount the secret there.")
        return None
    if not text:
        problems.append(f"{place} names {file_name}, which is empty; put the secret into it.")
        return None
    return text


def closest(word: str, known: Iterable[str], *, cutoff: float = 0.7) -> str | None:
    """Return the known word that was probably meant; `cutoff` (0 to 1) is how alike they have to be."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=cutoff)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean X?)` or nothing."""
    close = closest(word, known)
    return f" (did you mean {close}?)" if close else ""
