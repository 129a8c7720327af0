"""What a dashboard, the API or the command line asks for. Here somebody waits for the answer, so nothing is guessed:

every field is checked, every problem is named, and a field that is not understood is refused, because ignoring it
could delete more than was meant.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from reconciler.intake.hashes import read_hashes
from reconciler.intake.loose import LAST_SEASON, number, season_number, shown, text
from reconciler.intake.problems import FieldProblem, InvalidPayload
from reconciler.intake.redact import redact_known
from reconciler.model import (
    DeletionRequest,
    Hints,
    InfoHash,
    InstanceName,
    Media,
    MediaKind,
    Options,
    Source,
)

MAX_DELETIONS = 500

Configured = Mapping[MediaKind, Collection[InstanceName]]
"""The names of the Radarr (movies) and Sonarr (series) instances there are."""

_KINDS = {"movie": MediaKind.MOVIE, "tv": MediaKind.SERIES}
_KNOWN = frozenset(
    {
        "media_type", "tmdb_id", "tvdb_id", "title", "year", "seasons", "instances", "not_before", "delete_files",
        "add_exclusion", "blocklist", "remove_empty_series", "requested_by", "qbit_hash", "qbit_hashes", "radarr_id",
        "sonarr_id", "jellyseerr_id",
    }
)  # fmt: skip
_MEANT = {
    "season": "is not known; send seasons, a list of numbers such as [1, 2]",
    "instance": "is not known; send instances, a list of names",
}
_NO_INSTANCES: Configured = {}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def parse_dashboard(payload: object, *, instances: Configured = _NO_INSTANCES) -> tuple[DeletionRequest, ...]:
    """Return the deletions asked for: one object, or up to 500 of them as `{"deletions": […]}`.

    `instances` are those that a deletion may name. Raises `InvalidPayload` with every problem of every deletion; then
    none of them may be carried out.
    """
    if not isinstance(payload, dict):
        raise InvalidPayload([FieldProblem("", 'send a JSON object with one deletion, or {"deletions": […]}')])
    problems: list[FieldProblem] = []
    if "deletions" not in payload:
        wishes = [_Wish(payload, "", problems, instances).read()]
    else:
        problems += [
            FieldProblem(shown(key), "stands beside deletions; put it into each of them")
            for key in payload
            if key != "deletions"
        ]
        wishes = [
            _Wish(item, f"deletions[{position}].", problems, instances).read()
            for position, item in enumerate(_listed(payload["deletions"], problems))
        ]
    if problems:
        raise InvalidPayload(problems)
    return tuple(wish for wish in wishes if wish)


def _listed(deletions: object, problems: list[FieldProblem]) -> list[object]:
    if not isinstance(deletions, list) or not deletions:
        problems.append(FieldProblem("deletions", "must be a list with at least one deletion"))
        return []
    if len(deletions) > MAX_DELETIONS:
        problems.append(FieldProblem("deletions", f"holds {len(deletions)}; send at most {MAX_DELETIONS} at once"))
        return []
    return deletions


class _Wish:
    """One deletion being read; adds to `problems` whatever is wrong with it."""

    def __init__(self, body: object, prefix: str, problems: list[FieldProblem], instances: Configured) -> None:
        self._body: Mapping[str, object] = body if isinstance(body, dict) else {}
        self._is_object = isinstance(body, dict)
        self._prefix = prefix
        self._problems = problems
        self._instances = instances

    def read(self) -> DeletionRequest | None:
        if not self._is_object:
            self._problems.append(FieldProblem(self._prefix.rstrip("."), "must be an object with one deletion"))
            return None
        self._refuse_unknown()
        hints = Hints(
            hashes=self._hashes(),
            radarr_id=self._id("radarr_id"),
            sonarr_id=self._id("sonarr_id"),
            jellyseerr_id=self._id("jellyseerr_id"),
        )
        title, year, requested_by = self._text("title"), self._year(), self._text("requested_by")
        kind = self._kind()
        media = self._media(kind) if kind else None
        seasons = self._seasons(kind)
        options = self._options(of_seasons="seasons" in self._body)
        instances = self._named_instances(kind)
        not_before = self._not_before()
        if media is None:
            return None
        return DeletionRequest(
            media=media,
            title=redact_known(title),
            year=year,
            source=Source.DASHBOARD,
            requested_by=redact_known(requested_by),
            instances=instances,
            options=options,
            hints=hints,
            not_before=not_before,
            seasons=seasons,
        )

    def _wrong(self, field: str, message: str) -> None:
        self._problems.append(FieldProblem(f"{self._prefix}{field}", message))

    def _refuse_unknown(self) -> None:
        for key in self._body:
            if key not in _KNOWN:
                self._wrong(shown(key), _MEANT.get(key, "is not known; remove it"))

    def _media(self, kind: MediaKind) -> Media | None:
        tmdb_id, tvdb_id = self._id("tmdb_id"), self._id("tvdb_id")
        if kind is MediaKind.MOVIE:
            if self._has("sonarr_id"):
                self._wrong("sonarr_id", "contradicts media_type: Sonarr holds no movies")
            if not self._has("tmdb_id"):
                self._wrong("tmdb_id", "is missing: a movie is identified by its TMDB id")
            return Media(kind, tmdb_id) if tmdb_id else None
        if self._has("radarr_id"):
            self._wrong("radarr_id", "contradicts media_type: Radarr holds no series")
        if not self._has("tmdb_id") and not self._has("tvdb_id"):
            self._wrong("tvdb_id", "is missing: a series is identified by its TVDB or TMDB id")
        return Media(kind, tmdb_id, tvdb_id) if tmdb_id or tvdb_id else None

    def _kind(self) -> MediaKind | None:
        value = self._body.get("media_type")
        kind = _KINDS.get(value) if isinstance(value, str) else None
        if kind is None:
            self._wrong("media_type", "is missing: movie or tv" if value is None else "must be movie or tv")
        return kind

    def _has(self, field: str) -> bool:
        return self._body.get(field) is not None

    def _id(self, field: str) -> int | None:
        value = number(self._body.get(field))
        if value is None and self._has(field):
            self._wrong(field, "must be a whole number above 0")
        return value

    def _flag(self, field: str, *, default: bool) -> bool:
        value = self._body.get(field, default)
        if isinstance(value, bool):
            return value
        self._wrong(field, "must be true or false, without quotes")
        return default

    def _text(self, field: str) -> str | None:
        value = self._body.get(field)
        if value is not None and not isinstance(value, str):
            self._wrong(field, "must be text")
        return text(value)

    def _year(self) -> int | None:
        year = number(self._body.get("year"))
        if self._has("year") and (year is None or not 1800 <= year <= 9999):
            self._wrong("year", "must be a year such as 2021")
        return year

    def _hashes(self) -> tuple[InfoHash, ...]:
        """Return the hashes of both fields, each once."""
        candidates = [("qbit_hash", self._body["qbit_hash"])] if self._has("qbit_hash") else []
        many = self._body.get("qbit_hashes")
        if isinstance(many, list):
            candidates += [(f"qbit_hashes[{position}]", value) for position, value in enumerate(many)]
        elif many is not None:
            self._wrong("qbit_hashes", "must be a list of info hashes")
        return read_hashes(candidates, self._wrong)

    def _options(self, *, of_seasons: bool) -> Options:
        options = Options(
            delete_files=self._flag("delete_files", default=True),
            add_exclusion=self._flag("add_exclusion", default=False),
            blocklist=self._flag("blocklist", default=False),
            remove_empty_series=self._flag("remove_empty_series", default=False),
        )
        if options.blocklist and not of_seasons:
            self._wrong("blocklist", "is for seasons only: Radarr and Sonarr forget a title's blocklist with the title")
        if options.remove_empty_series and not of_seasons:
            self._wrong("remove_empty_series", "is for seasons only: without seasons the series goes in any case")
        return options

    def _seasons(self, kind: MediaKind | None) -> frozenset[int] | None:
        """Return the season numbers; only a field that is not there at all means the whole title."""
        listed = self._narrowing("seasons", "season numbers such as [1, 2]", "the whole series")
        if listed is None:
            return None
        if kind is MediaKind.MOVIE:
            self._wrong("seasons", "contradicts media_type: a movie has no seasons")
        numbers: list[int] = []
        for position, value in enumerate(listed):
            season = season_number(value)
            if season is None:
                self._wrong(f"seasons[{position}]", f"must be a whole number from 0 (specials) to {LAST_SEASON}")
            elif season in numbers:
                self._wrong(f"seasons[{position}]", f"names season {season} again")
            else:
                numbers.append(season)
        return frozenset(numbers)

    def _named_instances(self, kind: MediaKind | None) -> frozenset[InstanceName] | None:
        """Return the instances covered; only a field that is not there at all means all of them."""
        listed = self._narrowing("instances", "instance names", "every instance")
        if listed is None or kind is None:  # which names there are depends on the kind
            return None
        configured = sorted(self._instances.get(kind, ()))
        names: list[InstanceName] = []
        for position, value in enumerate(listed):
            name = next((known for known in configured if known == value), None)
            if name is None:
                there_are = (
                    f"one of the configured: {', '.join(configured)}" if configured else "left out: none is there"
                )
                self._wrong(f"instances[{position}]", f"must be {there_are}")
            elif name in names:
                self._wrong(f"instances[{position}]", f"names {name} again")
            else:
                names.append(name)
        return frozenset(names)

    def _narrowing(self, field: str, of_what: str, without: str) -> list[object] | None:
        """Return the list in a field that narrows a deletion, `None` when it is not there; nothing else is taken."""
        if field not in self._body:
            return None
        value = self._body[field]
        if not isinstance(value, list) or not value:
            self._wrong(field, f"must be a list of {of_what}, at least one; leave it out for {without}")
            return None
        return value

    def _not_before(self) -> datetime | None:
        value = self._body.get("not_before")
        if value is None:
            return None
        if isinstance(value, str) and _TIME.fullmatch(value):
            try:
                return datetime.fromisoformat(value.upper()).astimezone(UTC)
            except (ValueError, OverflowError):  # no such day or time
                pass
        self._wrong("not_before", "must be a time with its offset, such as 2026-01-31T04:00:00+01:00")
        return None
