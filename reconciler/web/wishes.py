"""The bodies that explicit wishes have, as documents describe them.

What a body means is for `reconciler.intake`, which takes a little more than this (numbers as digits, `null` for what is
not known) and names every problem; tests hold the two together.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from reconciler.intake import LAST_SEASON, MAX_DELETIONS, MAX_ID

Id = Annotated[
    int,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_ID},
                {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
            ]
        }
    ),
]
Year = Annotated[
    int,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1800, "maximum": 9999},
                {"type": "string", "pattern": "^(1[89]|[2-9][0-9])[0-9]{2}$"},
            ]
        }
    ),
]
Season = Annotated[
    int,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": LAST_SEASON},
                {"type": "string", "pattern": "^(0|[1-9][0-9]{0,3})$"},
            ]
        }
    ),
]
Hash = Annotated[str, Field(pattern="^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Wish(_In):
    title: Annotated[str | None, Field(description="For people to read; never used to find anything.")] = None
    year: Year | None = None
    requested_by: Annotated[str | None, Field(description="For people to read.")] = None
    instances: Annotated[
        list[str],
        Field(
            min_length=1,
            json_schema_extra={"uniqueItems": True},
            description="Only in these Radarrs or Sonarrs, by their configured names. Left out: in all of them.",
        ),
    ] = []
    not_before: Annotated[AwareDatetime | None, Field(description="Begin no earlier: a time with its offset.")] = None
    delete_files: Annotated[bool, Field(description="`false`: what is deleted leaves the lists, its data stays.")] = (
        True
    )
    add_exclusion: Annotated[bool, Field(description="Keep import lists from adding the title again.")] = False
    qbit_hash: Annotated[Hash | None, Field(description="An info hash of a torrent of it, if known.")] = None
    qbit_hashes: list[Hash] | None = None
    jellyseerr_id: Annotated[Id | None, Field(description="The id of its record in Jellyseerr, if known.")] = None


class _Whole(_Wish):
    """What is for seasons only may be said, but not wished."""

    blocklist: Annotated[Literal[False], Field(description="For seasons only.")] = False
    remove_empty_series: Annotated[Literal[False], Field(description="For seasons only.")] = False


class MovieWishIn(_Whole):
    """A movie is to go."""

    media_type: Literal["movie"]
    tmdb_id: Id
    tvdb_id: Annotated[Id | None, Field(description="Taken and not used: movies are known by their TMDB id.")] = None
    radarr_id: Annotated[Id | None, Field(description="Its id in Radarr, if known.")] = None


class _Series(BaseModel):
    media_type: Literal["tv"]
    tmdb_id: Annotated[Id | None, Field(description="This or `tvdb_id` is needed.")] = None
    tvdb_id: Annotated[Id | None, Field(description="This or `tmdb_id` is needed.")] = None
    sonarr_id: Annotated[Id | None, Field(description="Its id in Sonarr, if known.")] = None


_KNOWN: JsonDict = {"type": ["integer", "string"]}
_ONE_OF_THE_IDS: JsonDict = {
    "anyOf": [{"required": [name], "properties": {name: _KNOWN}} for name in ("tvdb_id", "tmdb_id")]
}


class SeriesWishIn(_Series, _Whole):
    """A series is to go, all of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_ONE_OF_THE_IDS)


class SeasonsWishIn(_Series, _Wish):
    """Seasons are to go; the series stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_ONE_OF_THE_IDS)

    seasons: Annotated[
        list[Season], Field(min_length=1, json_schema_extra={"uniqueItems": True}, description="0 are the specials.")
    ]
    blocklist: Annotated[bool, Field(description="Keep the same releases from being grabbed again.")] = False
    remove_empty_series: Annotated[bool, Field(description="Let the series go with its last season.")] = False


WishIn = MovieWishIn | SeriesWishIn | SeasonsWishIn


class WishesIn(_In):
    """Several at once: all of them are taken, or none."""

    deletions: Annotated[list[WishIn], Field(min_length=1, max_length=MAX_DELETIONS)]


class AttributionIn(_In):
    """Torrents that a person says belong to a deletion."""

    hashes: Annotated[list[Hash], Field(min_length=1)]
