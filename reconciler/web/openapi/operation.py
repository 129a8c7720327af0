"""What is said of one operation, and what follows from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from pydantic import BaseModel

JSON = "application/json"


class Needs(Enum):
    """Which secret an operation asks for."""

    NOTHING = auto()
    READ = auto()
    WRITE = auto()
    WRITE_UNLESS_DRY = auto()  # a dry run only reads
    WEBHOOK = auto()


class Tag(Enum):
    """What an operation is about, in the order of the document; the value says more."""

    DELETIONS = "Asking for deletions, and looking at them"
    DECISIONS = "What a person decides"
    STATUS = "How things stand, and what happens"
    WEBHOOKS = "What upstreams and dashboards send"
    PROBES = "For the platform: without a secret, and without anything worth one"
    DOCUMENTATION = "This document"

    @property
    def label(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True)
class Parameter:
    """One header or piece of the path or query. `schema` is JSON Schema."""

    name: str
    place: str
    schema: Mapping[str, object]
    description: str
    required: bool = False


@dataclass(frozen=True)
class Body:
    """What is sent: one of `models`, or without any every JSON value."""

    examples: Mapping[str, object]
    description: str
    models: tuple[type[BaseModel], ...] = ()


@dataclass(frozen=True)
class Answer:
    """A good answer: one of `models`, or else text of `media_type`, or else nothing."""

    description: str
    models: tuple[type[BaseModel], ...] = ()
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One method at one address. `problems` are those of its own; `all_problems` adds what follows from the rest."""

    method: str
    path: str
    id: str
    tag: Tag
    summary: str
    answers: Mapping[int, Answer]
    needs: Needs = Needs.READ
    description: str = ""
    query: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: frozenset[str] = frozenset()
    asks_store: bool = True

    @property
    def all_problems(self) -> frozenset[str]:
        found = {"unexpected", *self.problems}
        if self.asks_store:
            found.add("store-unavailable")
        if self.needs is not Needs.NOTHING:
            found |= {"unauthorized", "foreign-host"}
        if self.needs in {Needs.WRITE, Needs.WRITE_UNLESS_DRY}:
            found.add("insufficient-scope")
        if self.method != "GET":
            found.add("foreign-origin")
        if "{" in self.path:
            found.add("not-found")
        return frozenset(found)
