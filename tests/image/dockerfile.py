"""Reads a Dockerfile into what each stage does and what the image then says of itself.

Pure. Knows what ours uses, and refuses the rest instead of passing it over: what is not understood is not tested.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.image.expansion import expand, split
from tests.image.trouble import DockerfileError

Argv = tuple[str, ...]

BASE = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""The environment of the official images of Python, as far as it matters."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its continued lines joined."""

    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command, with what it finds around it."""

    argv: Argv
    environment: Mapping[str, str]
    user: str
    folder: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Files of the context, or of the stage `from_stage`, and whose they become."""

    sources: tuple[str, ...]
    target: str
    from_stage: str | None
    owner: tuple[int, int]


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """A working folder, which is made when it is not there."""

    path: str


Step = Run | Copy | MakeFolder


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How an engine asks whether the service is well."""

    argv: Argv
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """What an image says about how it is run."""

    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/"
    volumes: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    health_check: HealthCheck | None = None
    entry_point: Argv = ()
    command: Argv = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what it stands on, what it does in order, and what it says."""

    base: str
    name: str
    steps: tuple[Step, ...]
    config: Config
    words: tuple[str, ...]


def instructions(text: str) -> list[Instruction]:
    """Return every instruction of the file, comments left out."""
    found: list[Instruction] = []
    joined = ""
    for number, line in enumerate(text.splitlines()):
        if line.lstrip().startswith("#"):
            if number == 0 and re.match(r"#\s*(escape|syntax|check)\s*=", line):
                raise DockerfileError("directives are not known here")
            continue
        if not line.strip():
            continue
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1]
            continue
        word, _, rest = (joined + line).strip().partition(" ")
        if "<<" in rest:
            raise DockerfileError(f"here-documents are not known here: {rest}")
        found.append(Instruction(word.upper(), rest.strip()))
        joined = ""
    if joined:
        raise DockerfileError("the last line is continued, and nothing follows")
    return found


def arguments(text: str) -> dict[str, str]:
    """Return every argument that can be given to the build, with its default."""
    found: dict[str, str] = {}
    for instruction in instructions(text):
        if instruction.word == "ARG":
            name, _, default = instruction.text.partition("=")
            found[name] = default.strip('"') or found.get(name, "")
    return found


def stages(text: str, given: Mapping[str, str] | None = None) -> list[Stage]:
    """Return the stages of the file, built with the arguments `given`."""
    return list(_read(instructions(text), given or {}))


def _read(every: list[Instruction], given: Mapping[str, str]) -> Iterator[Stage]:
    outside: dict[str, str] = {}
    stage: _Reader | None = None
    for instruction in every:
        if instruction.word == "FROM":
            if stage is not None:
                yield stage.stage()
            stage = _Reader(instruction.text, outside, given)
        elif stage is not None:
            stage.take(instruction)
        elif instruction.word == "ARG":
            name, value = _argument(instruction.text, outside, given)
            outside[name] = value
        else:
            raise DockerfileError(f"{instruction.word} stands before the first FROM")
    if stage is None:
        raise DockerfileError("there is no stage")
    yield stage.stage()


def _argument(text: str, known: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, str]:
    name, has_default, default = text.partition("=")
    default = "".join(split(default, known)) if has_default else known.get(name, "")
    return name, given.get(name, default)


class _Reader:
    """Takes the instructions of one stage."""

    def __init__(self, text: str, outside: Mapping[str, str], given: Mapping[str, str]) -> None:
        self._outside = outside
        self._given = given
        self._arguments: dict[str, str] = {}
        self._steps: list[Step] = []
        self._words: list[str] = []
        self._config = Config(environment=BASE)
        base, _, self._name = re.sub(r"\s+AS\s+", "\n", text, flags=re.IGNORECASE).partition("\n")
        self._base = expand(base, outside)

    def stage(self) -> Stage:
        return Stage(self._base, self._name, tuple(self._steps), self._config, tuple(self._words))

    @property
    def _variables(self) -> dict[str, str]:
        return {**self._arguments, **self._config.environment}

    def take(self, instruction: Instruction) -> None:
        self._words.append(instruction.word)
        text, variables, config = instruction.text, self._variables, self._config
        match instruction.word:
            case "ARG":
                name, value = _argument(text, {**self._outside, **variables}, self._given)
                self._arguments[name] = value
            case "ENV":
                self._config = replace(config, environment={**config.environment, **_pairs(text, variables)})
            case "LABEL":
                self._config = replace(config, labels={**config.labels, **_pairs(text, variables)})
            case "RUN":
                self._steps.append(Run(_command(text, shell=True), variables, config.user, config.folder))
            case "COPY":
                self._steps.append(self._copy(text))
            case "WORKDIR":
                path = expand(text, variables)
                folder = path if path.startswith("/") else f"{config.folder.rstrip('/')}/{path}"
                self._steps.append(MakeFolder(folder))
                self._config = replace(config, folder=folder)
            case "USER":
                self._config = replace(config, user=expand(text, variables))
            case "VOLUME":
                self._config = replace(config, volumes=(*config.volumes, *_list(text, variables)))
            case "EXPOSE":
                self._config = replace(config, ports=(*config.ports, *split(text, variables)))
            case "STOPSIGNAL":
                self._config = replace(config, stop_signal=expand(text, variables))
            case "HEALTHCHECK":
                self._config = replace(config, health_check=_health_check(text))
            case "ENTRYPOINT":
                self._config = replace(config, entry_point=_command(text, shell=True), command=())
            case "CMD":
                self._config = replace(config, command=_command(text, shell=True))
            case word:
                raise DockerfileError(f"{word} is not known here")

    def _copy(self, text: str) -> Copy:
        flags, rest = _flags(text)
        unknown = flags.keys() - {"from", "chown"}
        if unknown:
            raise DockerfileError(f"COPY with --{', --'.join(sorted(unknown))} is not known here")
        *sources, target = _list(rest, self._variables)
        if not target.startswith("/"):
            ends = "/" if target.endswith("/") or target == "." else ""
            target = f"{self._config.folder.rstrip('/')}/{target.removeprefix('./').strip('/.')}".rstrip("/") + ends
        user, _, group = flags.get("chown", "0:0").partition(":")
        if not (user.isdigit() and group.isdigit()):
            raise DockerfileError("owners are numbers here, since names differ between machines")
        return Copy(tuple(sources), target, flags.get("from"), (int(user), int(group)))


def _pairs(text: str, variables: Mapping[str, str]) -> dict[str, str]:
    words = split(text, variables)
    if not all("=" in word for word in words):
        raise DockerfileError(f"each of these must be NAME=VALUE: {text}")
    return dict(word.partition("=")[::2] for word in words)


def _list(text: str, variables: Mapping[str, str]) -> list[str]:
    return [str(word) for word in json.loads(text)] if text.startswith("[") else split(text, variables)


def _command(text: str, *, shell: bool) -> Argv:
    if text.startswith("["):
        return tuple(json.loads(text))
    if not shell:
        raise DockerfileError(f"a list in brackets is expected: {text}")
    if text.startswith("--"):
        raise DockerfileError(f"RUN with options is not known here: {text}")
    return ("/bin/sh", "-c", text)


def _flags(text: str) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    while match := re.match(r"--([a-z-]+)(?:=(\S+))?\s+", text):
        flags[match[1]] = match[2] or ""
        text = text[match.end() :]
    return flags, text


def _health_check(text: str) -> HealthCheck:
    options, rest = _flags(text)
    word, _, command = rest.partition(" ")
    if word != "CMD":
        raise DockerfileError(f"a health check is a CMD: {text}")
    return HealthCheck(_command(command.strip(), shell=True), options)
