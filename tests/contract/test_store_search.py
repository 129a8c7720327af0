"""Finding deletions by what a person types, and by whether they have ended."""

from dataclasses import replace

import pytest

from reconciler.model import DeletionId, InstanceName, MediaKind, Phase, Target, TargetKind
from reconciler.ports import DeletionFilter, Store
from tests.support.store import (
    HEAT,
    LOST,
    MATRIX,
    QBITTORRENT,
    SONARR,
    binding,
    created,
    database_of,
    entry_target,
    lease_of,
    torrent_target,
    wish,
)

V2 = "c" * 64


async def found(store: Store, text: str, **more: object) -> list[DeletionId]:
    where = replace(DeletionFilter(text=text), **more)  # type: ignore[arg-type]  # filters by name
    return [s.deletion.id for s in (await store.deletions(where, cursor=None, limit=10)).deletions]


async def three(store: Store) -> tuple[DeletionId, DeletionId, DeletionId]:
    """A movie with a title of its own, a series that Sonarr alone has a name for, and one that nobody named."""
    movie = await created(store, replace(wish(MATRIX), title="100% Amélie_à Paris", requested_by="Zoë O'Hara"))
    series = await created(store, replace(wish(LOST, seasons=frozenset({2})), title=None, requested_by="bob Straßer\n"))
    nameless = await created(store, replace(wish(HEAT), title=None, requested_by=None))
    lease = await lease_of(store)
    entry = Target(TargetKind.ENTRY, SONARR, "9", media=LOST, name="İstanbul: Потерянные (LOST)")
    await store.bind(lease, binding(movie, torrent_target("ab" * 20), replace(torrent_target(V2), name="x")))
    await store.bind(lease, binding(series, entry, torrent_target("ab" * 19 + "cd"), media=LOST))
    await store.bind(lease, binding(nameless, entry_target(603), media=HEAT))
    return movie, series, nameless


async def test_what_a_person_typed_is_found_where_it_is_expected(store: Store) -> None:
    movie, series, nameless = await three(store)
    expected: dict[str, list[DeletionId]] = {
        "amélie": [movie],  # letters of any case, also outside ASCII …
        "AMÉLIE": [movie],
        "ame\u0301lie": [movie],  # … and in either spelling
        "  paris ": [movie],
        "%": [movie],  # taken literally, as all of these
        "0% a": [movie],
        "e_à": [movie],
        "e_a": [],
        "_": [movie],
        "!": [],
        "o'hara": [movie],
        "ZOË": [movie],
        "bob": [series],
        "lost": [series],  # as the library calls it
        "потерянные": [series],
        "ПОТЕРЯН": [series],
        "потёр": [],
        "STRASSE": [series],  # however long a letter is in the other case …
        "straße": [series],
        "istanbul": [series],  # … and whatever dots it has there
        "İSTANBUL": [series],
        "ｐａｒｉｓ": [movie],  # as wide as it was typed
        "amélie_à\u00a0 paris": [movie],
        "paris zoë": [movie],  # words are found in any order, and in any of the texts …
        "o'hara amélie (1999)": [movie],
        "(1999)": [nameless, series, movie],
        "season 3": [],
        "lost (1999), season 2": [series],  # … also as a page shows them
        "seasons": [],
        "lost amélie": [],
        "(lo": [series],  # a mark is left out of what is typed only where words are left
        "(": [series],
        ",": [],
        "parisz": [],  # not out of one text into another
        "paris1999": [],
        "603": [movie],  # a TMDB id, and not a piece of anything else
        "73739": [series],
        "949": [nameless],
        "60": [],
        "9" * 30: [],
        "ab" * 20: [movie],
        ("AB" * 20): [movie],
        "ab" * 4: [series, movie],  # the beginning of two hashes
        "ab" * 3: [],  # too short to be one
        "c" * 40: [movie],  # a v2 hash, truncated, whole, and one that only begins alike
        V2: [movie],
        "c" * 12: [movie],
        "d" * 40: [],
        movie: [movie],
        movie.upper(): [movie],
        series[:23]: [i for i in (nameless, series, movie) if i.startswith(series[:23])],
        "01936d5e-0000-7000-8000-000000000000": [],
        "'; DROP TABLE deletions": [],
        "\\": [],
        "a\x00b": [],
    }
    assert {text: await found(store, text) for text in expected} == expected


async def test_a_search_narrows_what_other_filters_leave(store: Store) -> None:
    movie, series, _ = await three(store)
    assert await found(store, "ab" * 4, kind=MediaKind.MOVIE) == [movie]
    assert await found(store, "ab" * 4, phase=Phase.CONVERGING, tvdb_id=LOST.tvdb_id) == [series]
    assert await found(store, "amélie", phase=Phase.HELD) == []


@pytest.mark.parametrize("text", ["Film", "film é"])
async def test_a_search_comes_in_pages(store: Store, text: str) -> None:
    asked = [
        await created(store, replace(wish(replace(MATRIX, tmdb_id=n)), title="Film É" if n % 2 else "film x"))
        for n in range(1, 8)
    ]
    expected = [d for n, d in enumerate(asked, start=1) if n % 2 or text == "Film"][::-1]
    pages: list[DeletionId] = []
    cursor: str | None = None
    for _ in range(10):
        page = await store.deletions(DeletionFilter(text=text), cursor=cursor, limit=2)
        pages += [s.deletion.id for s in page.deletions]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert pages == expected


async def test_what_a_program_wrote_that_knew_no_search_text_is_found_once_it_is_bound(store: Store) -> None:
    deletion = await created(store, replace(wish(), title="Матрица"))
    async with database_of(store).write() as connection:
        await connection.execute("UPDATE deletions SET search_text = ''")
    assert await found(store, "матрица") == []
    await store.bind(await lease_of(store), binding(deletion, replace(entry_target(), name="The Matrix")))
    assert await found(store, "матрица") == await found(store, "the matrix") == [deletion]


async def test_what_is_open_can_be_asked_for_in_one_go(store: Store) -> None:
    movie, series, nameless = await three(store)
    await store.cancel(series, "a test")
    listed = {
        settled: [
            s.deletion.id
            for s in (await store.deletions(DeletionFilter(settled=settled), cursor=None, limit=10)).deletions
        ]
        for settled in (False, True)
    }
    assert listed == {False: [nameless, movie], True: [series]}


async def test_a_torrent_is_found_in_every_client_and_by_what_goes_with_it(store: Store) -> None:
    deletion = await created(store)
    seedbox = InstanceName("seedbox")
    targets = (
        replace(torrent_target("1" * 40), kind=TargetKind.CROSS_SEED),
        replace(torrent_target("2" * 40), kind=TargetKind.LIKELY_CROSS_SEED, instance=seedbox),
        Target(TargetKind.REQUEST, QBITTORRENT, "33333333"),
    )
    await store.bind(await lease_of(store), binding(deletion, *targets))
    assert await found(store, "1" * 8) == [deletion]
    assert await found(store, "2" * 40) == [deletion]
    assert await found(store, "33333333") == []  # what is no torrent has no hash


async def test_lists_are_without_the_files_that_the_detail_has(store: Store) -> None:
    deletion = await created(store)
    entry = replace(entry_target(), name="The Matrix", files=("/m/x/a.mkv",), file_ids=(5,), size=7)
    await store.bind(await lease_of(store), binding(deletion, entry, torrent_target()))
    (listed,) = (await store.deletions(DeletionFilter(), cursor=None, limit=10)).deletions
    detail = await store.deletion(deletion)
    assert detail is not None
    assert detail.targets[0].files == ("/m/x/a.mkv",)
    without = tuple(replace(target, files=(), file_ids=()) for target in detail.targets)
    assert listed == replace(detail, targets=without)
