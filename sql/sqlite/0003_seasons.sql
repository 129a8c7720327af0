-- Seasons, parts of a deletion that were wanted again, and what a resync remembers.
-- `sql/postgres/0003_seasons.sql` says the same for PostgreSQL.

ALTER TABLE deletions ADD COLUMN seasons TEXT CHECK (seasons IS NULL OR json_valid(seasons)); -- NULL: the whole title
ALTER TABLE deletions ADD COLUMN needs_approval INTEGER NOT NULL DEFAULT 0 CHECK (needs_approval IN (0, 1));
ALTER TABLE deletions ADD COLUMN blocklist INTEGER NOT NULL DEFAULT 0 CHECK (blocklist IN (0, 1));
ALTER TABLE deletions ADD COLUMN remove_empty_series INTEGER NOT NULL DEFAULT 0 CHECK (remove_empty_series IN (0, 1));
-- Units: [instance, season or null].
ALTER TABLE deletions ADD COLUMN withdrawn TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(withdrawn));
ALTER TABLE deletions ADD COLUMN finishing TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(finishing));
ALTER TABLE deletions ADD COLUMN searched TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(searched));
ALTER TABLE deletions ADD COLUMN blocklisted_at TEXT;

-- Until now a want ended the whole of a deletion: all of it is finishing.
UPDATE deletions SET finishing = (
    SELECT json_group_array(json_array(instance, NULL))
    FROM (SELECT c.instance FROM covered_instances c WHERE c.deletion = deletions.id ORDER BY c.instance)
)
WHERE finishing_old_copy = 1;

ALTER TABLE deletions DROP COLUMN finishing_old_copy;

-- Until now one search was asked for in all: where it was, no other is.
UPDATE deletions SET searched = (
    SELECT json_group_array(json_array(instance, NULL))
    FROM (SELECT c.instance FROM covered_instances c WHERE c.deletion = deletions.id ORDER BY c.instance)
)
WHERE searched_at IS NOT NULL;

ALTER TABLE deletions DROP COLUMN searched_at;

-- SQLite cannot change a CHECK, so `targets` is made anew. So is `actions`, and it goes first: dropping a table deletes
-- its rows, and with them whatever points at them. Renaming corrects what points at the new table.
CREATE TABLE new_targets (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    deletion     TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (
        kind IN ('torrent', 'entry', 'record', 'request', 'unmanaged', 'file', 'cross_seed', 'likely_cross_seed', 'item')
    ),
    instance     TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    media_kind   TEXT CHECK (media_kind IN ('movie', 'series')),
    tmdb_id      INTEGER,
    tvdb_id      INTEGER,
    added        TEXT, -- the upstream's own stamp, compared for equality only
    name         TEXT,
    path         TEXT,
    files        TEXT NOT NULL CHECK (json_valid(files)),
    size         INTEGER NOT NULL,
    prior        TEXT CHECK (prior IS NULL OR json_valid(prior)), -- monitoring before it was changed
    absent_since TEXT,
    season       INTEGER,
    file_ids     TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(file_ids)), -- in the order of files; empty: not known
    UNIQUE (deletion, kind, instance, external_id)
) STRICT;

INSERT INTO new_targets (number, deletion, kind, instance, external_id, media_kind, tmdb_id, tvdb_id, added, name, path,
    files, size, prior, absent_since)
SELECT number, deletion, kind, instance, external_id, media_kind, tmdb_id, tvdb_id, added, name, path,
    files, size, prior, absent_since
FROM targets;

CREATE TABLE new_actions (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    target      INTEGER NOT NULL REFERENCES new_targets (number) ON DELETE CASCADE,
    kind        TEXT NOT NULL, -- which action, like 'DeleteEntry': only that one comes back as an echo
    epoch       INTEGER NOT NULL,
    destructive INTEGER NOT NULL CHECK (destructive IN (0, 1)),
    sent_at     TEXT NOT NULL
) STRICT;

INSERT INTO new_actions (number, target, kind, epoch, destructive, sent_at)
SELECT number, target, kind, epoch, destructive, sent_at FROM actions;

DROP TABLE actions;
DROP TABLE targets;
ALTER TABLE new_targets RENAME TO targets;
ALTER TABLE new_actions RENAME TO actions;

CREATE INDEX targets_external ON targets (external_id, kind, instance);
CREATE INDEX actions_target ON actions (target, sent_at);

ALTER TABLE refs ADD COLUMN size INTEGER; -- of the imported file, in bytes

CREATE TABLE resync_states (
    instance TEXT PRIMARY KEY,
    state    TEXT NOT NULL CHECK (json_valid(state)),
    at       TEXT NOT NULL
) STRICT;

-- Which declined requests were answered, and by which deletion first. Like references they outlive it: a request
-- stays declined for ever, and must not be answered again.
CREATE TABLE declines (
    request_id INTEGER PRIMARY KEY,
    deletion   TEXT NOT NULL
) STRICT;

INSERT INTO declines (request_id, deletion)
SELECT json_extract(hints, '$.request_id'), id FROM deletions
WHERE source = 'jellyseerr' AND json_extract(hints, '$.request_id') IS NOT NULL
ORDER BY id
ON CONFLICT (request_id) DO NOTHING;

-- Which titles a library said, or showed, to have deleted, and the deletion that answered it first. A person may have
-- cancelled that before anything was bound, and a resync must not ask again. Without a deletion: the library said that it
-- kept the files, and nothing followed.
CREATE TABLE deleted_titles (
    instance TEXT NOT NULL,
    entry_id INTEGER NOT NULL,
    deletion TEXT,
    PRIMARY KEY (instance, entry_id)
) STRICT;

INSERT INTO deleted_titles (instance, entry_id, deletion)
SELECT c.instance, coalesce(json_extract(d.hints, '$.radarr_id'), json_extract(d.hints, '$.sonarr_id')), d.id
FROM deletions d JOIN covered_instances c ON c.deletion = d.id
WHERE d.source IN ('radarr', 'sonarr') AND coalesce(json_extract(d.hints, '$.radarr_id'), json_extract(d.hints, '$.sonarr_id')) IS NOT NULL
ORDER BY d.id
ON CONFLICT (instance, entry_id) DO NOTHING;
