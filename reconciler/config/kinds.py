"""The kinds of value a setting can hold: each takes what people write in YAML or the environment, and nothing vague."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr

from reconciler.config.times import a_cron, a_timezone
from reconciler.model import NEVER_DELETING_NOTIFICATIONS, InstanceName, Occasion, Source

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}(?<!-)")
_NOTIFICATION = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_SECRET_LENGTH = 16
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_-]+)+")
OWN_ADDRESSES = frozenset(
    {
        "breaker",
        "deletions",
        "docs",
        "events",
        "livez",
        "metrics",
        "needs-you",
        "openapi.json",
        "readyz",
        "receipts",
        "sign-in",
        "sign-out",
        "static",
        "status",
        "webhooks",
        "widget",
    }
)
"""What the service's own addresses begin with. A root path that begins so could not be told from them."""
_BETWEEN_ADDRESSES = re.compile(r"(?:\s*,\s*|\s+)(?=[A-Za-z0-9]+://)")
_MESSENGER = re.compile(r"[A-Za-z0-9]+://\S+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]+)?", re.IGNORECASE)
_LARGEST_SIZE = 10**18
_ABSOLUTE = re.compile(r"/+[^/]|[A-Za-z]:[\\/]+[^\\/]|\\\\[^\\]")
_SECONDS_OF_A_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class About:
    """What people read of one setting. `accepts` completes the sentence "it must be …".

    `hidden` keeps the value out of messages, and adds the `…_FILE` variant. `env` tells whether a variable exists.
    """

    description: str
    accepts: str
    hidden: bool = False
    env: bool = True


class Mode(StrEnum):
    """Whether plans are carried out or only shown."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class DeleteWithoutFiles(StrEnum):
    """What a Radarr or Sonarr delete that kept the files means: "stop managing", or "erase"."""

    IGNORE = "ignore"
    DELETE = "delete"


class Reaction(StrEnum):
    """What is made of a hint: nothing, a deletion that a person must agree to, or a deletion."""

    IGNORE = "ignore"
    HOLD = "hold"
    DELETE = "delete"


class LikelyCrossSeeds(StrEnum):
    """What is done about torrents elsewhere with an equal file tree that no history names."""

    KEEP = "keep"
    HOLD = "hold"
    TOGETHER = "together"


class MetBy(StrEnum):
    """Whether each minimum of a seeding rule must be met, or one of them."""

    ALL = "all"
    ANY = "any"


class ByteCount(int):
    """A size in bytes that people read as "2 TB"."""

    def __str__(self) -> str:
        fitting = [(factor, unit) for unit, factor in UNITS.items() if self and self % factor == 0]
        factor, unit = max(fitting, default=(1, ""))
        return f"{int(self) // factor} {unit}".strip()


UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGTP", start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTP", start=1)},
}
"""The units a size can be written in; their case does not matter."""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a listener on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _whole(value: object) -> object:
    if isinstance(value, bool | float):  # `yes` is 1 and 1.9 is 1 to a lenient parser: neither was meant
        raise ValueError("not a whole number")  # noqa: TRY004 - pydantic reports only ValueError
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _split(value: object) -> object:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(word, str) for word in value):
        raise ValueError("not a list of words")
    return frozenset(word.strip() for word in value if word.strip())


def _split_lower(value: object) -> object:
    words = _split(value)
    return frozenset(word.lower() for word in words) if isinstance(words, frozenset) else words


def _messengers(value: object) -> object:
    """Split addresses of messengers. A comma belongs to an address unless another address follows it."""
    words = _BETWEEN_ADDRESSES.split(value) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str | SecretStr) for word in words):
        raise ValueError("not a list of addresses")
    clear = [word.get_secret_value() if isinstance(word, SecretStr) else word for word in words]
    addresses = [address.strip().rstrip(",") for address in clear if address.strip()]
    if not all(_MESSENGER.fullmatch(address) and address.isprintable() for address in addresses):
        raise ValueError("not an address")
    return tuple(addresses)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic reports only ValueError
    return value


def _size(value: object) -> ByteCount:
    written = _SIZE.fullmatch(str(_whole(value)).strip())
    if written is None:
        raise ValueError("not a size")
    number, unit = written.groups()
    factors = {name.lower(): factor for name, factor in UNITS.items()}
    factor = factors.get((unit or "B").lower())
    if factor is None or ("." in number and factor == 1):
        raise ValueError("not a size")
    whole, _, fraction = number.partition(".")  # a float would not hold every byte
    size = int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)
    if size > _LARGEST_SIZE:
        raise ValueError("no disk is that large")
    return ByteCount(size)


def _text(value: str) -> str:
    cleaned = value.strip()
    if not cleaned or not cleaned.isprintable():
        raise ValueError("not one line of text")
    return cleaned


def _folder(value: str) -> str:
    folder = value.strip()
    if not _ABSOLUTE.match(folder) or not folder.isprintable() or ".." in re.split(r"[/\\]", folder):
        raise ValueError("not a folder below the root")
    return folder.rstrip("/\\")


def _folders(value: frozenset[str]) -> frozenset[str]:
    return frozenset(_folder(folder) for folder in value)


def _tracker(value: str) -> str:
    return _host(value.strip().lower().rstrip("."))


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not _HOST_NAME.fullmatch(value) or value.replace(".", "").isdigit():
            raise ValueError("neither an address nor a host name") from None
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    clean = value.isprintable() and " " not in value and "@" not in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not clean or "?" in value or "#" in value:
        raise ValueError("not a plain http(s) address")
    if parts.port == 0:  # reading `port` also raises ValueError for what is no port
        raise ValueError("port 0 cannot be called")
    return value.rstrip("/")


def _database_url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if scheme in {"postgresql", "postgres"} and separator:
        parts = urlsplit(value)
        if parts.path.strip("/") and (parts.hostname or "host=" in parts.query):
            return value
    if scheme == "sqlite" and rest.startswith("/") and rest.strip("/") and ":memory:" not in rest:
        return value
    raise ValueError("no durable database")


def _root_path(value: str) -> str:
    if value != "/" and (not _ROOT_PATH.fullmatch(value) or value.split("/")[1] in OWN_ADDRESSES):
        raise ValueError("not a root path")
    return value


def _instance_name(value: InstanceName) -> InstanceName:
    if not _NAME.fullmatch(value):
        raise ValueError("not an instance name")
    return value


def _notifications(value: frozenset[str]) -> frozenset[str]:
    if not all(_NOTIFICATION.fullmatch(word) for word in value) or value & NEVER_DELETING_NOTIFICATIONS:
        raise ValueError("not all of these may delete")
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SECRET_LENGTH:
        raise ValueError("too short")
    return value


def _not_empty(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("empty")
    return value


def _header_safe(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("cannot be sent in a header")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Seconds = Annotated[Whole, Field(ge=0, le=_SECONDS_OF_A_YEAR)]
Number = Annotated[float, BeforeValidator(_number), Field(gt=0, le=100_000, allow_inf_nan=False)]
Size = Annotated[ByteCount, PlainValidator(_size)]
Text = Annotated[str, AfterValidator(_text)]
Folder = Annotated[str, AfterValidator(_folder)]
Folders = Annotated[frozenset[str], AfterValidator(_folders), BeforeValidator(_split)]
Sources = Annotated[frozenset[Source], BeforeValidator(_split_lower)]
Tracker = Annotated[str, AfterValidator(_tracker)]
Cron = Annotated[str, AfterValidator(a_cron)]
Timezone = Annotated[str, AfterValidator(a_timezone)]
Messengers = Annotated[tuple[SecretStr, ...], BeforeValidator(_messengers)]
Occasions = Annotated[frozenset[Occasion], BeforeValidator(_split_lower)]
Words = Annotated[frozenset[str], BeforeValidator(_split)]
Notifications = Annotated[frozenset[str], AfterValidator(_notifications), BeforeValidator(_split)]
Host = Annotated[str, AfterValidator(_host)]
Url = Annotated[str, AfterValidator(_url)]
RootPath = Annotated[str, AfterValidator(_root_path)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
NameText = Annotated[InstanceName, AfterValidator(_instance_name)]
LongSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
Password = Annotated[SecretStr, AfterValidator(_not_empty)]
ApiKey = Annotated[SecretStr, AfterValidator(_header_safe)]
ModeChoice = Annotated[Mode, BeforeValidator(_lower)]
LogFormatChoice = Annotated[LogFormat, BeforeValidator(_lower)]
LogLevelChoice = Annotated[LogLevel, BeforeValidator(_lower)]
DeleteWithoutFilesChoice = Annotated[DeleteWithoutFiles, BeforeValidator(_lower)]
ReactionChoice = Annotated[Reaction, BeforeValidator(_lower)]
LikelyCrossSeedsChoice = Annotated[LikelyCrossSeeds, BeforeValidator(_lower)]
MetByChoice = Annotated[MetBy, BeforeValidator(_lower)]
