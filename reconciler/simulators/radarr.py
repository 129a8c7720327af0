"""A simulated Radarr (upstreams.md 3 and 4): what concerns movies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from starlette.types import ASGIApp

from reconciler.model import Media, MediaKind
from reconciler.simulators import arr_disk as disk
from reconciler.simulators.arr import ArrSimulator, Episodes
from reconciler.simulators.arr_endpoints import build_app
from reconciler.simulators.arr_http import Refused, compact, invalid, said
from reconciler.simulators.arr_releases import Release
from reconciler.simulators.arr_state import (
    LANGUAGES,
    Command,
    Followed,
    MediaFile,
    Part,
    Title,
    file_json,
    webhook_file,
    webhook_release,
)
from reconciler.simulators.faults import Faults


@dataclass(slots=True)
class Movie(Title):
    tmdb_id: int = 0
    imdb_id: str = ""
    media: Media = field(init=False)

    def __post_init__(self) -> None:
        self.media = Media(MediaKind.MOVIE, tmdb_id=self.tmdb_id or None)


class RadarrSimulator(ArrSimulator[Movie]):
    """One Radarr; `app` serves it, `faults` makes it fail."""

    app_name: ClassVar[str] = "Radarr"
    resource: ClassVar[str] = "movie"
    file_resource: ClassVar[str] = "moviefile"
    title_key: ClassVar[str] = "movieId"
    titles_key: ClassVar[str] = "movieIds"
    file_ids_key: ClassVar[str] = "movieFileIds"
    filter_key: ClassVar[str] = "tmdbId"
    exclusions_path: ClassVar[str] = "exclusions"
    exclude_flag: ClassVar[str] = "addImportExclusion"
    category_field: ClassVar[str] = "movieCategory"
    unknown_flag: ClassVar[str] = "includeUnknownMovieItems"
    history_numbers: ClassVar[dict[str, int]] = {
        "grabbed": 1,
        "downloadFolderImported": 3,
        "downloadFailed": 4,
        "movieFileDeleted": 6,
        "movieFolderImported": 7,
        "movieFileRenamed": 8,
        "downloadIgnored": 9,
    }
    file_deleted_event: ClassVar[str] = "movieFileDeleted"
    delete_event: ClassVar[str] = "MovieDelete"
    search_commands: ClassVar[frozenset[str]] = frozenset({"MoviesSearch"})
    empty_bulk_status: ClassVar[int] = 500
    default_version: ClassVar[str] = "6.0.3.1"
    aborts_bulk_on_nested: ClassVar[bool] = True

    def __init__(self, root: Path, **options: Any) -> None:
        """`options` are those of `ArrSimulator`."""
        super().__init__(root, **options)
        self.faults = Faults(build_app(self))

    @property
    def app(self) -> ASGIApp:
        return self.faults

    # --- seeding ---------------------------------------------------------------------------------------------------

    def add_movie(
        self,
        tmdb_id: int,
        name: str,
        year: int,
        *,
        path: Path | None = None,
        monitored: bool = True,
        tags: Sequence[str] = (),
    ) -> int:
        """Add a movie without HTTP and return its id."""
        movie = Movie(
            id=self.new_id("title"),
            name=name,
            year=year,
            path=path or self.root / f"{name} ({year})",
            added=self.now_text(),
            monitored=monitored,
            tags={self.tag(label) for label in tags},
            tmdb_id=tmdb_id,
            imdb_id=f"tt{tmdb_id:07}",
        )
        self.titles[movie.id] = movie
        return movie.id

    def add_movie_file(
        self, movie_id: int, content: bytes | Path, *, name: str = "", quality: str = "WEBDL-1080p"
    ) -> MediaFile:
        """Give a movie its file: new bytes, or a hard link to a file that exists."""
        movie = self.titles[movie_id]
        target = movie.path / (name or f"{movie.path.name}.mkv")
        if isinstance(content, Path):
            disk.bring_in(content, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return self._add_file(movie, target, quality, target.stem)

    def add_movie_with_file(
        self, tmdb_id: int, name: str, year: int, content: bytes | Path = b"a movie", **options: Any
    ) -> int:
        """Add a movie that has a file; `options` are those of `add_movie`."""
        movie_id = self.add_movie(tmdb_id, name, year, **options)
        self.add_movie_file(movie_id, content)
        return movie_id

    def file_of(self, movie: Movie) -> MediaFile | None:
        return next(iter(self.files_of(movie.id)), None)

    # --- what ArrSimulator asks for --------------------------------------------------------------------------------

    def media_of(self, title: Movie) -> Media:
        return title.media

    def matches(self, title: Movie, external_id: int) -> bool:
        return title.tmdb_id == external_id

    def parts_of(self, title: Movie, episodes: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
        return ()

    def wanted(
        self, title: Movie, offers: Sequence[Release], source: str, within: Episodes | None
    ) -> Sequence[Release]:
        """The first offer, if there is no file yet; an unmonitored movie only when a person asks."""
        if self.file_of(title) is not None or not (title.monitored or source == "UserInvokedSearch"):
            return ()
        return offers[:1]

    def searched(self, command: Command) -> list[tuple[int, Episodes | None]]:
        ids = command.body.get("movieids") or [] if command.name in self.search_commands else []
        return [(int(id_), None) for id_ in ids]

    def bring_in(
        self, title: Movie, item: Followed, sources: Sequence[Path]
    ) -> list[tuple[dict[str, Any], dict[str, bool]]]:
        source = max(sources, key=lambda path: path.stat().st_size)
        old = self.file_of(title)
        replaced = None if old is None else webhook_file(old, title.path, recycled=self.replace_file(old))
        target = title.path / source.name
        disk.bring_in(source, target)
        file = self._add_file(title, target, item.quality, item.title)
        self.add_history_row(
            title.id,
            "downloadFolderImported",
            download_id=item.download_id or None,
            source_title=item.title,
            quality=item.quality,
            data=self.import_data(item, file, source),
        )
        payload = compact(
            {
                **self.envelope("Download"),
                **self.webhook_subject(title, ()),
                "movieFile": {**webhook_file(file, title.path), "sourcePath": str(source)},
                "isUpgrade": old is not None,
                "downloadClient": item.client or None,
                "downloadClientType": "qBittorrent" if item.client else None,
                "downloadId": item.download_id or None,
                "deletedFiles": None if replaced is None else [replaced],
                "release": None if item.release is None else webhook_release(item.release),
                "customFormatInfo": {"customFormats": [], "customFormatScore": 0},
            }
        )
        return [(payload, {})]

    def webhook_subject(self, title: Movie, parts: Sequence[Part]) -> dict[str, Any]:
        remote = {"tmdbId": title.tmdb_id, "imdbId": title.imdb_id, "title": title.name, "year": title.year}
        return {"movie": self._webhook_movie(title), "remoteMovie": remote}

    def deleted_payload(self, title: Movie, size: int, delete_files: bool) -> dict[str, Any]:
        return {
            **self.envelope("MovieDelete"),
            "movie": self._webhook_movie(title),
            "deletedFiles": delete_files,
            "movieFolderSize": size,
        }

    def file_deleted_payload(self, title: Movie, file: MediaFile) -> dict[str, Any]:
        return {
            **self.envelope("MovieFileDelete"),
            "movie": self._webhook_movie(title),
            "movieFile": webhook_file(file, title.path),
            "deleteReason": "manual",
        }

    def exclusion_of(self, title: Movie) -> dict[str, Any]:
        return {"tmdbId": title.tmdb_id, "movieTitle": title.name, "movieYear": title.year}

    def unknown_title(self, title_id: int) -> Refused:
        return said(404, f"Movie with ID {title_id} does not exist")

    async def after_added(self, title: Movie, options: dict[str, Any]) -> None:
        payload = {
            **self.envelope("MovieAdded"),
            "movie": self._webhook_movie(title),
            "addMethod": options.get("addMethod", "manual"),
        }
        await self.connections.send(payload, tags=title.tags)
        if options.get("searchForMovie"):
            await self.search(title.id, "Search")

    def test_payload(self) -> dict[str, Any]:
        movie = {
            "id": 1,
            "title": "Test Title",
            "year": 1970,
            "folderPath": "C:\\testpath",
            "releaseDate": "1970-01-01",
            "tmdbId": 0,
            "tags": ["test-tag"],
        }
        return {
            **self.envelope("Test"),
            "movie": movie,
            "remoteMovie": {"tmdbId": 1234, "imdbId": "5678", "title": "Test title", "year": 1970},
            "release": {"quality": "Test Quality", "releaseTitle": "Test Title", "indexer": "Test Indexer"},
        }

    def create(self, body: dict[str, Any]) -> Movie:
        tmdb_id, root = body.get("tmdbid") or 0, body.get("rootfolderpath")
        problems: list[tuple[str, str, object]] = []
        if not root and not body.get("path"):
            problems.append(("Path", "'Path' must not be empty.", None))
        if not tmdb_id:
            problems.append(("TmdbId", "'Tmdb Id' must not be empty.", tmdb_id))
        if not body.get("qualityprofileid"):
            problems.append(("QualityProfileId", "'Quality Profile Id' must be greater than '0'.", 0))
        if any(movie.tmdb_id == tmdb_id for movie in self.titles.values()):
            problems.append(("TmdbId", "This movie has already been added", tmdb_id))
        if problems:
            raise invalid(problems)
        name, year = str(body.get("title") or f"Movie {tmdb_id}"), int(body.get("year") or 0)
        return Movie(
            id=self.new_id("title"),
            name=name,
            year=year,
            path=Path(body["path"]) if body.get("path") else Path(str(root)) / f"{name} ({year})",
            added=self.now_text(),
            monitored=bool(body.get("monitored")),
            tags=set(body.get("tags") or []),
            quality_profile_id=int(body["qualityprofileid"]),
            tmdb_id=int(tmdb_id),
            imdb_id=f"tt{tmdb_id:07}",
        )

    def update(self, title: Movie, body: dict[str, Any]) -> None:
        if not body.get("path"):
            raise invalid([("Path", "'Path' must not be empty.", None)])
        title.path = Path(body["path"])
        title.monitored = bool(body.get("monitored"))
        title.tags = set(body.get("tags") or [])
        title.quality_profile_id = int(body.get("qualityprofileid") or 0)

    def title_json(self, title: Movie) -> dict[str, Any]:
        file = self.file_of(title)
        size = file.size if file else 0
        return compact(
            {
                "id": title.id,
                "title": title.name,
                "originalTitle": title.name,
                "sortTitle": title.name.lower(),
                "sizeOnDisk": size,
                "status": "released",
                "overview": "An invented movie.",
                "images": [],
                "year": title.year,
                "path": str(title.path),
                "qualityProfileId": title.quality_profile_id,
                "hasFile": file is not None,
                "movieFileId": file.id if file else 0,
                "monitored": title.monitored,
                "minimumAvailability": "released",
                "isAvailable": True,
                "folderName": str(title.path),
                "runtime": 90,
                "cleanTitle": title.slug.replace("-", ""),
                "imdbId": title.imdb_id or None,
                "tmdbId": title.tmdb_id,
                "titleSlug": str(title.tmdb_id),
                "rootFolderPath": self.root_of(title.path),
                "genres": [],
                "tags": sorted(title.tags),
                "added": title.added,
                "ratings": {},
                "movieFile": None if file is None else self.media_file_json(file),
                "statistics": {"movieFileCount": int(file is not None), "sizeOnDisk": size, "releaseGroups": []},
            }
        )

    def media_file_json(self, file: MediaFile) -> dict[str, Any]:
        return file_json(file, self.titles[file.title_id].path, "movieId")

    # --- private ---------------------------------------------------------------------------------------------------

    def _webhook_movie(self, movie: Movie) -> dict[str, Any]:
        file = self.file_of(movie)
        return compact(
            {
                "id": movie.id,
                "title": movie.name,
                "year": movie.year,
                "releaseDate": f"{movie.year}-01-01",
                "folderPath": str(movie.path),
                "filePath": None if file is None else str(file.path),
                "tmdbId": movie.tmdb_id,
                "imdbId": movie.imdb_id or None,
                "overview": "An invented movie.",
                "genres": [],
                "images": [],
                "tags": self.labels(movie),
                "originalLanguage": LANGUAGES[0],
            }
        )

    def _add_file(self, movie: Movie, path: Path, quality: str, scene_name: str) -> MediaFile:
        file = MediaFile(
            id=self.new_id("file"),
            title_id=movie.id,
            path=path,
            size=path.stat().st_size,
            added=self.now_text(),
            quality=quality,
            scene_name=scene_name,
        )
        self.files[file.id] = file
        return file
