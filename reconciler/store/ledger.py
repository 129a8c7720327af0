"""The ledger: which grabs and imports refer to which torrent, and what a person added by hand."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from reconciler.model import (
    DeletionId,
    InfoHash,
    InstanceName,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    NewReference,
    Reference,
    Unit,
)
from reconciler.store.database import Connection, Row, Values
from reconciler.store.rows import (
    deletion_of,
    library_row_of,
    manual_add_of,
    media_values,
    reference_of,
    reference_values,
)

SHORT = 40
"""A v2 hash is also known by its first 40 digits (upstreams.md 5.6), so hashes are looked up by these."""

REFERENCES_OF_HASHES = """
SELECT * FROM refs WHERE hash IS NOT NULL AND substr(hash, 1, 40) IN :short ORDER BY number
"""

UNRELEASED_HASHES = """
SELECT DISTINCT hash FROM refs
WHERE hash IS NOT NULL AND released_by IS NULL AND substr(hash, 1, 40) IN :short AND number > :after
"""

REFERENCES_OF_MEDIA = """
SELECT * FROM refs WHERE (tmdb_id IN :tmdb_ids OR tvdb_id IN :tvdb_ids) AND media_kind = :kind ORDER BY number
"""

LIBRARY_OF_MEDIA = """
SELECT * FROM library WHERE (tmdb_id IN :tmdb_ids OR tvdb_id IN :tvdb_ids) AND media_kind = :kind
ORDER BY instance, entry_id
"""

INSERT_REFERENCE = """
INSERT INTO refs (number, instance, history_id, receipt, arrived_at, kind, entry_id, media_kind, tmdb_id, tvdb_id,
    raw_hash, hash, season, episode, client, protocol, by_person, upstream_at, source_title, size)
VALUES (:number, :instance, :history_id, :receipt, :arrived_at, :kind, :entry_id, :media_kind, :tmdb_id, :tvdb_id,
    :raw_hash, :hash, :season, :episode, :client, :protocol, :by_person, :upstream_at, :source_title, :size)
"""

HEIRS = """
SELECT d.* FROM targets t
JOIN deletions d ON d.id = t.deletion
JOIN covered_instances c ON c.deletion = d.id AND c.instance = :instance
WHERE t.kind = 'torrent' AND t.external_id IN :hashes AND d.settled_at IS NULL AND d.id <> :former
    AND d.bound_seq >= :number
ORDER BY d.id
"""
"""Open deletions that bound a hash in an instance, when the reference was already there."""

Key = tuple[int, str, str, int | None, int | None]
"""What makes two tellings the same grab or import within one instance."""


def key_of(reference: NewReference) -> Key:
    hash_ = reference.hash or (reference.raw_hash or "").lower()
    return reference.entry_id, hash_, reference.kind.value, reference.season, reference.episode


def key_of_row(row: Row) -> Key:
    hash_ = row["hash"] or (row["raw_hash"] or "").lower()
    return row["entry_id"], hash_, row["kind"], row["season"], row["episode"]


# --- numbers -------------------------------------------------------------------------------------------------------


async def position(connection: Connection) -> int:
    """Return the highest number given so far."""
    (row,) = await connection.fetch_all("SELECT last_number FROM ledger_sequence")
    return int(row["last_number"])


async def next_numbers(connection: Connection, count: int) -> range:
    """Take the next numbers. Writes take turns, so a lower number is never committed after a higher one."""
    last = await position(connection)
    await connection.execute("UPDATE ledger_sequence SET last_number = :last", {"last": last + count})
    return range(last + 1, last + count + 1)


# --- writing -------------------------------------------------------------------------------------------------------


async def add_references(
    connection: Connection, references: Sequence[NewReference], *, at: datetime, receipt: int | None = None
) -> None:
    """Number and insert references as they are."""
    if references:
        numbers = await next_numbers(connection, len(references))
        await connection.execute_many(
            INSERT_REFERENCE,
            (
                {"number": number, "receipt": receipt, "arrived_at": at, **reference_values(reference)}
                for number, reference in zip(numbers, references, strict=True)
            ),
        )


async def add_heard_references(
    connection: Connection, references: Sequence[NewReference], *, at: datetime, receipt: int
) -> None:
    """Insert what a webhook told, except what an unreleased row tells already."""
    known: dict[tuple[InstanceName, int], set[Key]] = {}
    new: list[NewReference] = []
    for reference in references:
        entry = (reference.instance, reference.entry_id)
        if entry not in known:
            known[entry] = {key_of_row(row) for row in await _unreleased_of_entry(connection, *entry)}
        if key_of(reference) not in known[entry]:
            known[entry].add(key_of(reference))
            new.append(reference)
    await add_references(connection, new, at=at, receipt=receipt)


async def _unreleased_of_entry(connection: Connection, instance: InstanceName, entry_id: int) -> Sequence[Row]:
    return await connection.fetch_all(
        "SELECT * FROM refs WHERE instance = :instance AND entry_id = :entry AND released_by IS NULL",
        {"instance": instance, "entry": entry_id},
    )


async def add_manual_add(connection: Connection, add: ManualAdd, *, receipt: int) -> None:
    (number,) = await next_numbers(connection, 1)
    await connection.execute(
        """
        INSERT INTO wants (number, kind, instance, entry_id, media_kind, tmdb_id, tvdb_id, receipt)
        VALUES (:number, 'manual_add', :instance, :entry_id, :media_kind, :tmdb_id, :tvdb_id, :receipt)
        """,
        {
            "number": number,
            "instance": add.instance,
            "entry_id": add.entry_id,
            **media_values(add.media),
            "receipt": receipt,
        },
    )


async def release(connection: Connection, numbers: Sequence[int], deletion: DeletionId) -> None:
    """Mark references as no longer needed, except those that another deletion has."""
    await connection.execute(
        "UPDATE refs SET released_by = :deletion WHERE number IN :numbers AND released_by IS NULL",
        {"deletion": deletion, "numbers": list(numbers)},
    )


async def give_back(connection: Connection, deletion: DeletionId, numbers: Collection[int] | None = None) -> None:
    """Undo releases of a deletion: all of a cancelled one, or those it made of the references with these numbers.

    Each reference goes to another open deletion that covers it and bound the same hash, or becomes unreleased and
    protects its torrent again.
    """
    rows = await connection.fetch_all("SELECT * FROM refs WHERE released_by = :deletion", {"deletion": deletion})
    for reference in map(reference_of, rows):
        if numbers is None or reference.number in numbers:
            await connection.execute(
                "UPDATE refs SET released_by = :heir WHERE number = :number",
                {"heir": await _heir(connection, reference, deletion), "number": reference.number},
            )


async def _heir(connection: Connection, reference: Reference, former: DeletionId) -> str | None:
    if reference.hash is None:
        return None
    rows = await connection.fetch_all(
        HEIRS,
        {
            "hashes": sorted({reference.hash, reference.hash[:SHORT]}),
            "instance": reference.instance,
            "former": former,
            "number": reference.number,
        },
    )
    return next((str(row["id"]) for row in rows if _is_covered(reference, row)), None)


def _is_covered(reference: Reference, row: Row) -> bool:
    """Tell whether a deletion of the reference's instance covers its title and season, and has not withdrawn them."""
    deletion = deletion_of(row, [reference.instance])
    unit = Unit(reference.instance, None if deletion.seasons is None else reference.season)
    return reference.media is not None and deletion.media.is_same(reference.media) and unit in deletion.units


# --- reading -------------------------------------------------------------------------------------------------------


async def references_of_media(connection: Connection, media: Sequence[Media]) -> tuple[Reference, ...]:
    """Return the references whose media share an id with any of these, in order of arrival."""
    found = [
        reference_of(row)
        for values in media_queries(media)
        for row in await connection.fetch_all(REFERENCES_OF_MEDIA, values)
    ]
    return tuple(sorted(found, key=lambda reference: reference.number))


async def library_of_media(connection: Connection, media: Sequence[Media]) -> tuple[LibraryRow, ...]:
    """Return the titles last seen whose media share an id with any of these."""
    found = [
        library_row_of(row)
        for values in media_queries(media)
        for row in await connection.fetch_all(LIBRARY_OF_MEDIA, values)
    ]
    return tuple(found)


def media_queries(media: Sequence[Media]) -> Iterable[Values]:
    """Return one set of values per kind that is asked for: the ids of movies and series are different numbers."""
    for kind in MediaKind:
        mine = [m for m in media if m.kind is kind]
        if mine:
            yield {
                "kind": kind.value,
                "tmdb_ids": sorted({m.tmdb_id for m in mine if m.tmdb_id is not None}),
                "tvdb_ids": sorted({m.tvdb_id for m in mine if m.tvdb_id is not None}),
            }


async def references_of_hashes(connection: Connection, hashes: Collection[InfoHash]) -> tuple[Reference, ...]:
    """Return the references that name any of these hashes, full or truncated, in order of arrival."""
    rows = await connection.fetch_all(REFERENCES_OF_HASHES, {"short": _shortened(hashes)})
    asked = _by_short(hashes)
    return tuple(reference_of(row) for row in rows if _names_any(row["hash"], asked))


async def unreleased_among(connection: Connection, hashes: Collection[InfoHash], *, after: int) -> frozenset[InfoHash]:
    """Return those of `hashes` that an unreleased reference numbered above `after` names, full or truncated."""
    rows = await connection.fetch_all(UNRELEASED_HASHES, {"short": _shortened(hashes), "after": after})
    unreleased = _by_short(row["hash"] for row in rows)
    return frozenset(hash_ for hash_ in hashes if _names_any(hash_, unreleased))


def _shortened(hashes: Iterable[str]) -> list[str]:
    return sorted({hash_[:SHORT] for hash_ in hashes})


def _by_short(hashes: Iterable[str]) -> dict[str, set[str]]:
    grouped: dict[str, set[str]] = {}
    for hash_ in hashes:
        grouped.setdefault(hash_[:SHORT], set()).add(hash_)
    return grouped


def _names_any(hash_: str, others: dict[str, set[str]]) -> bool:
    """Tell whether a hash and any other can be one torrent: they are equal, or one is the other truncated."""
    alike = others.get(hash_[:SHORT], set())
    return hash_ in alike or any(len(other) != len(hash_) for other in alike)


async def referenced_hashes(connection: Connection) -> frozenset[InfoHash]:
    """Return every hash that any reference names."""
    rows = await connection.fetch_all("SELECT DISTINCT hash FROM refs WHERE hash IS NOT NULL")
    return frozenset(InfoHash(row["hash"]) for row in rows)


async def references_of_entries(
    connection: Connection, entries: Collection[tuple[InstanceName, int]]
) -> tuple[Reference, ...]:
    """Return the references of these library entries, in order of arrival."""
    by_instance: dict[InstanceName, list[int]] = {}
    for instance, entry_id in entries:
        by_instance.setdefault(instance, []).append(entry_id)
    found: list[Reference] = []
    for instance, ids in by_instance.items():
        rows = await connection.fetch_all(
            "SELECT * FROM refs WHERE instance = :instance AND entry_id IN :ids", {"instance": instance, "ids": ids}
        )
        found += map(reference_of, rows)
    return tuple(sorted(found, key=lambda reference: reference.number))


async def manual_adds_after(connection: Connection, number: int) -> tuple[ManualAdd, ...]:
    """Return what was added by hand after a position of the ledger, in order of arrival."""
    rows = await connection.fetch_all("SELECT * FROM wants WHERE number > :number ORDER BY number", {"number": number})
    return tuple(manual_add_of(row) for row in rows)


async def library_of(connection: Connection, instance: InstanceName) -> tuple[LibraryRow, ...]:
    """Return every title last seen in one instance."""
    rows = await connection.fetch_all(
        "SELECT * FROM library WHERE instance = :instance ORDER BY entry_id", {"instance": instance}
    )
    return tuple(library_row_of(row) for row in rows)
