"""What a dashboard, the API or the command line asks for. Here somebody waits for the answer, so nothing is guessed:

every field is checked, every problem is named, and a field that is not understood is refused, because ignoring it
could delete more than was meant.
"""

from collections.abc import Mapping

from reconciler.intake.loose import number, text
from reconciler.intake.problems import FieldProblem, InvalidPayload
from reconciler.intake.redact import redact_known
from reconciler.model import (
    DeletionRequest,
    Hints,
    InfoHash,
    Media,
    MediaKind,
    Options,
    Source,
    parse_info_hash,
)

MAX_DELETIONS = 500

_KINDS = {"movie": MediaKind.MOVIE, "tv": MediaKind.SERIES}
_KNOWN = frozenset(
    {
        "media_type", "tmdb_id", "tvdb_id", "title", "year", "delete_files", "requested_by", "qbit_hash", "qbit_hashes",
        "radarr_id", "sonarr_id", "jellyseerr_id",
    }
)  # fmt: skip
_NOT_YET = frozenset({"instance", "instances", "season", "seasons"})


def parse_dashboard(payload: object) -> tuple[DeletionRequest, ...]:
    """Return the deletions asked for: one object, or up to 500 of them as `{"deletions": […]}`.

    Raises `InvalidPayload` with every problem of every deletion; then none of them may be carried out.
    """
    if not isinstance(payload, dict):
        raise InvalidPayload([FieldProblem("", 'send a JSON object with one deletion, or {"deletions": […]}')])
    problems: list[FieldProblem] = []
    if "deletions" not in payload:
        wishes = [_Wish(payload, "", problems).read()]
    else:
        problems += [
            FieldProblem(_shown(key), "stands beside deletions; put it into each of them")
            for key in payload
            if key != "deletions"
        ]
        wishes = [
            _Wish(item, f"deletions[{position}].", problems).read()
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

    def __init__(self, body: object, prefix: str, problems: list[FieldProblem]) -> None:
        self._body: Mapping[str, object] = body if isinstance(body, dict) else {}
        self._is_object = isinstance(body, dict)
        self._prefix = prefix
        self._problems = problems

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
        options = Options(delete_files=self._flag("delete_files", default=True))
        title, year, requested_by = self._text("title"), self._year(), self._text("requested_by")
        media = self._media()
        if media is None:
            return None
        return DeletionRequest(
            media=media,
            title=redact_known(title),
            year=year,
            source=Source.DASHBOARD,
            requested_by=redact_known(requested_by),
            options=options,
            hints=hints,
        )

    def _wrong(self, field: str, message: str) -> None:
        self._problems.append(FieldProblem(f"{self._prefix}{field}", message))

    def _refuse_unknown(self) -> None:
        for key in self._body:
            if key in _NOT_YET:
                self._wrong(key, "is not supported yet; a deletion covers the whole title in every instance")
            elif key not in _KNOWN:
                self._wrong(_shown(key), "is not known; remove it")

    def _media(self) -> Media | None:
        kind = self._kind()
        tmdb_id, tvdb_id = self._id("tmdb_id"), self._id("tvdb_id")
        if kind is None:
            return None
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
        """Return the hashes of both fields, each once; they narrow what is deleted, so a bad one is refused."""
        found: dict[InfoHash, None] = {}
        candidates = [("qbit_hash", self._body["qbit_hash"])] if self._has("qbit_hash") else []
        many = self._body.get("qbit_hashes")
        if isinstance(many, list):
            candidates += [(f"qbit_hashes[{position}]", value) for position, value in enumerate(many)]
        elif many is not None:
            self._wrong("qbit_hashes", "must be a list of info hashes")
        for field, value in candidates:
            parsed = parse_info_hash(value)
            if parsed is None:
                self._wrong(field, "must be an info hash: 40 or 64 hexadecimal digits")
            else:
                found[parsed] = None
        return tuple(found)


def _shown(key: str) -> str:
    return text(key, 100) or "(unreadable key)"
