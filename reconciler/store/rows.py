"""Rows to words of the model, and back."""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from reconciler.model import (
    Condition,
    ConditionType,
    Deletion,
    DeletionId,
    DownloadProtocol,
    Event,
    Hints,
    InfoHash,
    InstanceName,
    IssueCommand,
    LedgerCoverage,
    LibraryRow,
    ManualAdd,
    Media,
    MediaKind,
    Monitoring,
    NewReference,
    Options,
    Reference,
    ReferenceKind,
    SettledAs,
    Source,
    Status,
    Target,
    TargetKind,
    Unit,
    UpstreamKind,
)
from reconciler.ports import PassRecord, UpstreamHealth
from reconciler.reasons import Reason
from reconciler.store.database import Row, Value


def time_of(value: Any) -> datetime:
    """Return a time column: PostgreSQL gives times, SQLite their text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def time_or_none(value: Any) -> datetime | None:
    return None if value is None else time_of(value)


def as_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# --- media ---------------------------------------------------------------------------------------------------------


def media_values(media: Media | None) -> dict[str, Value]:
    if media is None:
        return {"media_kind": None, "tmdb_id": None, "tvdb_id": None}
    return {"media_kind": media.kind.value, "tmdb_id": media.tmdb_id, "tvdb_id": media.tvdb_id}


def media_of(row: Row) -> Media:
    return Media(MediaKind(row["media_kind"]), row["tmdb_id"], row["tvdb_id"])


def media_or_none(row: Row) -> Media | None:
    return None if row["media_kind"] is None else media_of(row)


# --- the deletion log ----------------------------------------------------------------------------------------------


def hints_json(hints: Hints) -> str:
    return as_json(
        {
            "hashes": list(hints.hashes),
            "radarr_id": hints.radarr_id,
            "sonarr_id": hints.sonarr_id,
            "jellyseerr_id": hints.jellyseerr_id,
            "request_id": hints.request_id,
            "command": None
            if hints.command is None
            else {"issue_id": hints.command.issue_id, "text": hints.command.text},
        }
    )


def hints_of(text: str) -> Hints:
    stored = json.loads(text)
    command = stored.get("command")
    return Hints(
        **{
            **stored,
            "hashes": tuple(InfoHash(h) for h in stored["hashes"]),
            "command": None if command is None else IssueCommand(**command),
        }
    )


def options_values(options: Options) -> dict[str, Value]:
    return {
        "delete_files": options.delete_files,
        "add_exclusion": options.add_exclusion,
        "blocklist": options.blocklist,
        "remove_empty_series": options.remove_empty_series,
    }


def options_of(row: Row) -> Options:
    return Options(
        delete_files=bool(row["delete_files"]),
        add_exclusion=bool(row["add_exclusion"]),
        blocklist=bool(row["blocklist"]),
        remove_empty_series=bool(row["remove_empty_series"]),
    )


def seasons_json(seasons: Collection[int] | None) -> str | None:
    return None if seasons is None else as_json(sorted(seasons))


def seasons_of(text: str | None) -> frozenset[int] | None:
    return None if text is None else frozenset(json.loads(text))


def units_json(units: Iterable[Unit]) -> str:
    pairs = [(unit.instance, unit.season) for unit in units]
    return as_json(sorted(pairs, key=lambda pair: (pair[0], pair[1] is not None, pair[1] or 0)))


def units_of(text: str) -> frozenset[Unit]:
    return frozenset(Unit(InstanceName(instance), season) for instance, season in json.loads(text))


def deletion_of(row: Row, instances: Iterable[str]) -> Deletion:
    approved = json.loads(row["approved"])  # reasons, and lists of a reason and where it was lifted
    return Deletion(
        id=DeletionId(str(row["id"])),
        media=media_of(row),
        title=row["title"],
        year=row["year"],
        source=Source(row["source"]),
        requested_by=row["requested_by"],
        requested_at=time_of(row["requested_at"]),
        instances=frozenset(InstanceName(name) for name in instances),
        options=options_of(row),
        hints=hints_of(row["hints"]),
        inferred=bool(row["inferred"]),
        not_before=time_or_none(row["not_before"]),
        bound_at=time_or_none(row["bound_at"]),
        bound_seq=row["bound_seq"],
        live_request_ids=frozenset(json.loads(row["live_request_ids"])),
        frozen_at=time_or_none(row["frozen_at"]),
        destroyed_at=time_or_none(row["destroyed_at"]),
        breaker_tripped_at=time_or_none(row["breaker_tripped_at"]),
        cancel_requested_at=time_or_none(row["cancel_requested_at"]),
        retried_at=time_or_none(row["retried_at"]),
        approved=frozenset(Reason(one) for one in approved if isinstance(one, str)),
        approved_at=frozenset((Reason(o[0]), o[1], InstanceName(o[2])) for o in approved if isinstance(o, list)),
        settled_at=time_or_none(row["settled_at"]),
        settled_as=SettledAs(row["settled_as"]) if row["settled_as"] else None,
        settled_reason=Reason(row["settled_reason"]) if row["settled_reason"] else None,
        watch_until=time_or_none(row["watch_until"]),
        attempt=row["attempt"],
        next_due_at=time_or_none(row["next_due_at"]),
        turned_at=time_or_none(row["turned_at"]),
        seasons=seasons_of(row["seasons"]),
        needs_approval=bool(row["needs_approval"]),
        withdrawn=units_of(row["withdrawn"]),
        finishing=units_of(row["finishing"]),
        searched=units_of(row["searched"]),
        blocklisted_at=time_or_none(row["blocklisted_at"]),
    )


def target_values(target: Target) -> dict[str, Value]:
    return {
        "kind": target.kind.value,
        "instance": target.instance,
        "external_id": target.external_id,
        **media_values(target.media),
        "added": target.added,
        "name": target.name,
        "path": target.path,
        "files": as_json(list(target.files)),
        "size": target.size,
        "prior": None if target.prior is None else _monitoring_json(target.prior),
        "absent_since": target.absent_since,
        "season": target.season,
        "file_ids": as_json(list(target.file_ids)),
    }


def target_of(row: Row) -> Target:
    return Target(
        kind=TargetKind(row["kind"]),
        instance=InstanceName(row["instance"]),
        external_id=row["external_id"],
        media=media_or_none(row),
        added=row["added"],
        name=row["name"],
        path=row["path"],
        files=tuple(json.loads(row["files"])),
        size=row["size"],
        prior=None if row["prior"] is None else _monitoring_of(row["prior"]),
        sent_at=time_or_none(row["sent_at"]),
        absent_since=time_or_none(row["absent_since"]),
        number=row["number"],
        season=row["season"],
        file_ids=tuple(json.loads(row["file_ids"])),
    )


def _monitoring_json(prior: Monitoring) -> str:
    return as_json(
        {
            "monitored": prior.monitored,
            "seasons": [list(season) for season in prior.seasons],
            "new_items": prior.new_items,
        }
    )


def _monitoring_of(text: str) -> Monitoring:
    stored = json.loads(text)
    seasons = tuple((int(number), bool(monitored)) for number, monitored in stored["seasons"])
    return Monitoring(stored["monitored"], seasons, stored["new_items"])


def condition_values(condition: Condition) -> dict[str, Value]:
    return {
        "type": condition.type.value,
        "instance": condition.instance,
        "status": condition.status.value,
        "reason": condition.reason.value,
        "message": condition.message,
    }


def condition_of(row: Row) -> Condition:
    """Return a condition. One that a replica of before schema 4 wrote, during an upgrade, only knows of its status."""
    changed_at = time_of(row["last_transition_time"])
    return Condition(
        type=ConditionType(row["type"]),
        instance=InstanceName(row["instance"]),
        status=Status(row["status"]),
        reason=Reason(row["reason"]),
        message=row["message"],
        last_transition_time=changed_at,
        reason_since=time_or_none(row["reason_since"]) or changed_at,
    )


def event_of(row: Row) -> Event:
    return Event(row["kind"], row["message"], time_of(row["at"]), json.loads(row["data"]), row["number"])


# --- the ledger ----------------------------------------------------------------------------------------------------


def reference_values(reference: NewReference) -> dict[str, Value]:
    return {
        "instance": reference.instance,
        "history_id": reference.history_id,
        "kind": reference.kind.value,
        "entry_id": reference.entry_id,
        **media_values(reference.media),
        "raw_hash": reference.raw_hash,
        "hash": reference.hash,
        "season": reference.season,
        "episode": reference.episode,
        "client": reference.client,
        "protocol": reference.protocol.value,
        "by_person": reference.by_person,
        "upstream_at": reference.at,
        "source_title": reference.source_title,
        "size": reference.size,
    }


def reference_of(row: Row) -> Reference:
    return Reference(
        number=row["number"],
        instance=InstanceName(row["instance"]),
        kind=ReferenceKind(row["kind"]),
        entry_id=row["entry_id"],
        media=media_or_none(row),
        raw_hash=row["raw_hash"],
        hash=InfoHash(row["hash"]) if row["hash"] else None,
        season=row["season"],
        episode=row["episode"],
        client=row["client"],
        protocol=DownloadProtocol(row["protocol"]),
        by_person=bool(row["by_person"]),
        history_id=row["history_id"],
        source_title=row["source_title"],
        released_by=DeletionId(str(row["released_by"])) if row["released_by"] else None,
        size=row["size"],
    )


def manual_add_of(row: Row) -> ManualAdd:
    return ManualAdd(InstanceName(row["instance"]), row["entry_id"], media_of(row), row["number"])


def library_values(row: LibraryRow) -> dict[str, Value]:
    return {
        "instance": row.instance,
        "entry_id": row.entry_id,
        **media_values(row.media),
        "title": row.title,
        "year": row.year,
        "path": row.path,
        "added": row.added,
        "size": row.size,
        "files": _files_json(row),
    }


def _files_json(row: LibraryRow) -> str:
    """Return paths with their sizes; paths alone, as they were stored before schema 3, where no size is known."""
    return as_json(list(zip(row.files, row.file_sizes, strict=True) if row.file_sizes else row.files))


def library_row_of(row: Row) -> LibraryRow:
    stored = json.loads(row["files"])
    with_sizes = [file for file in stored if not isinstance(file, str)]
    return LibraryRow(
        instance=InstanceName(row["instance"]),
        entry_id=row["entry_id"],
        media=media_of(row),
        title=row["title"],
        year=row["year"],
        path=row["path"],
        added=row["added"],
        size=row["size"],
        files=tuple(path for path, _ in with_sizes) if with_sizes else tuple(stored),
        file_sizes=tuple(size for _, size in with_sizes),
    )


def coverage_values(coverage: LedgerCoverage) -> dict[str, Value]:
    return {
        "instance": coverage.instance,
        "backfilled_at": coverage.backfilled_at,
        "backfill_rows": coverage.backfill_rows,
        "backfill_total": coverage.backfill_total,
        "cursor_date": coverage.cursor_date,
        "cursor_id": coverage.cursor_id,
        "synced_at": coverage.synced_at,
        "gaps": as_json([[start.isoformat(), end.isoformat()] for start, end in coverage.gaps]),
    }


def coverage_of(row: Row) -> LedgerCoverage:
    return LedgerCoverage(
        instance=InstanceName(row["instance"]),
        backfilled_at=time_or_none(row["backfilled_at"]),
        backfill_rows=row["backfill_rows"],
        backfill_total=row["backfill_total"],
        cursor_date=row["cursor_date"],
        cursor_id=row["cursor_id"],
        synced_at=time_or_none(row["synced_at"]),
        gaps=tuple((time_of(start), time_of(end)) for start, end in json.loads(row["gaps"])),
    )


# --- bookkeeping ---------------------------------------------------------------------------------------------------


def health_of(row: Row) -> UpstreamHealth:
    return UpstreamHealth(
        instance=InstanceName(row["instance"]),
        kind=UpstreamKind(row["kind"]),
        reachable=bool(row["reachable"]),
        since=time_of(row["since"]),
        app=row["app"],
        version=row["version"],
        last_seen_at=time_or_none(row["last_seen_at"]),
        last_error=row["last_error"],
    )


def pass_of(row: Row) -> PassRecord:
    return PassRecord(
        started_at=time_of(row["started_at"]),
        finished_at=time_of(row["finished_at"]),
        deletions=row["deletions"],
        rounds=row["rounds"],
        calls=row["calls"],
        error=row["error"],
    )


def event_values(event: Event, at: datetime) -> Mapping[str, Value]:
    return {
        "kind": event.kind,
        "message": event.message,
        "at": event.at or at,
        "data": as_json(dict(event.data)),
    }
