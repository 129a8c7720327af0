"""The library of a simulated Jellyfin: a list of items that reflects a folder on the real disk (upstreams.md 6.1)."""

import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ItemType = Literal["Movie", "Series", "Season"]


@dataclass(slots=True)
class Item:
    """A movie, series or season. A movie's path is its file; tests may change any field."""

    id: str
    type: ItemType
    name: str
    path: Path
    provider_ids: dict[str, str] = field(default_factory=dict)
    series: "Item | None" = None
    number: int | None = None


class JellyfinLibrary:
    """All items by id, below `root`. A scan drops what is no longer on the disk; nothing else makes an item go."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.items: dict[str, Item] = {}

    # --- seeding and looking ---------------------------------------------------------------------------------------

    def add_movie(
        self, path: Path, name: str, *, tmdb_id: int | None = None, provider_ids: Mapping[str, str] | None = None
    ) -> Item:
        """List a movie by its file."""
        return self._add("Movie", name, path, _ids(tmdb_id, None, provider_ids))

    def add_series(
        self,
        path: Path,
        name: str,
        *,
        tmdb_id: int | None = None,
        tvdb_id: int | None = None,
        seasons: Mapping[int, Path] | None = None,
        provider_ids: Mapping[str, str] | None = None,
    ) -> Item:
        """List a series by its folder, and its seasons by theirs."""
        series = self._add("Series", name, path, _ids(tmdb_id, tvdb_id, provider_ids))
        for number, folder in (seasons or {}).items():
            self.add_season(series, number, folder)
        return series

    def add_season(self, series: Item, number: int | None, path: Path) -> Item:
        season = self._add("Season", f"Season {number}", path, {})
        season.series, season.number = series, number
        return season

    def of_type(self, type_: ItemType) -> list[Item]:
        return [item for item in self.items.values() if item.type == type_]

    def _add(self, type_: ItemType, name: str, path: Path, provider_ids: dict[str, str]) -> Item:
        if not path.is_relative_to(self.root):
            raise ValueError("outside the library")
        item = Item(secrets.token_hex(16), type_, name, path, provider_ids)
        self.items[item.id] = item
        return item

    # --- changes ---------------------------------------------------------------------------------------------------

    def look_at(self, paths: Iterable[Path] | None = None) -> list[Item]:
        """Drop the items at, in or around these paths (everywhere by default) that are gone; return them."""
        looked = None if paths is None else list(paths)
        gone = [
            item
            for item in self.items.values()
            if not item.path.exists() and (looked is None or any(_touches(path, item.path) for path in looked))
        ]
        return self._drop(gone)

    def delete(self, item: Item) -> list[Item]:
        """Delete an item *and its files*: a movie in a folder of its own goes with everything in that folder."""
        others = [other for other in self.items.values() if other.type == "Movie" and other is not item]
        folder = item.path.parent
        is_alone = folder != self.root and not any(other.path.is_relative_to(folder) for other in others)
        if item.path.is_dir():
            shutil.rmtree(item.path)
        elif item.type == "Movie" and is_alone:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            item.path.unlink(missing_ok=True)
        return self._drop([item])

    def _drop(self, gone: list[Item]) -> list[Item]:
        """Take items off the list, the seasons of a series first."""
        seasons = [item for item in self.items.values() if item.series in gone and item not in gone]
        dropped = sorted([*seasons, *gone], key=lambda item: item.type != "Season")
        for item in dropped:
            del self.items[item.id]
        return dropped


def _touches(announced: Path, path: Path) -> bool:
    return path.is_relative_to(announced) or announced.is_relative_to(path)


def _ids(tmdb_id: int | None, tvdb_id: int | None, others: Mapping[str, str] | None) -> dict[str, str]:
    known = {"Tmdb": tmdb_id, "Tvdb": tvdb_id}
    return {name: str(number) for name, number in known.items() if number is not None} | dict(others or {})
