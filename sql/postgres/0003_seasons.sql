-- Seasons, parts of a deletion that were wanted again, and what a resync remembers.
-- `sql/sqlite/0003_seasons.sql` says the same for SQLite.

ALTER TABLE deletions
    ADD COLUMN seasons             json, -- NULL: the whole title
    ADD COLUMN needs_approval      boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN blocklist           boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN remove_empty_series boolean NOT NULL DEFAULT FALSE,
    ADD COLUMN withdrawn           json NOT NULL DEFAULT '[]', -- units: [instance, season or null]
    ADD COLUMN finishing           json NOT NULL DEFAULT '[]', -- likewise
    ADD COLUMN searched            json NOT NULL DEFAULT '[]', -- likewise
    ADD COLUMN blocklisted_at      timestamptz;

-- Until now a want ended the whole of a deletion: all of it is finishing.
UPDATE deletions SET finishing = coalesce(
    (
        SELECT json_agg(json_build_array(c.instance, NULL) ORDER BY c.instance)
        FROM covered_instances c WHERE c.deletion = deletions.id
    ),
    '[]'
)
WHERE finishing_old_copy;

ALTER TABLE deletions DROP COLUMN finishing_old_copy;

-- Until now one search was asked for in all: where it was, no other is.
UPDATE deletions SET searched = coalesce(
    (
        SELECT json_agg(json_build_array(c.instance, NULL) ORDER BY c.instance)
        FROM covered_instances c WHERE c.deletion = deletions.id
    ),
    '[]'
)
WHERE searched_at IS NOT NULL;

ALTER TABLE deletions DROP COLUMN searched_at;

ALTER TABLE targets
    ADD COLUMN season   bigint,
    ADD COLUMN file_ids json NOT NULL DEFAULT '[]', -- in the order of files; empty: not known
    DROP CONSTRAINT targets_kind_check,
    ADD CONSTRAINT targets_kind_check CHECK (
        kind IN ('torrent', 'entry', 'record', 'request', 'unmanaged', 'file', 'cross_seed', 'likely_cross_seed', 'item')
    );

ALTER TABLE refs ADD COLUMN size bigint; -- of the imported file, in bytes

CREATE TABLE resync_states (
    instance text PRIMARY KEY,
    state    json NOT NULL,
    at       timestamptz NOT NULL
);

-- Which declined requests were answered, and by which deletion first. Like references they outlive it: a request
-- stays declined for ever, and must not be answered again.
CREATE TABLE declines (
    request_id bigint PRIMARY KEY,
    deletion   uuid NOT NULL
);

INSERT INTO declines (request_id, deletion)
SELECT CAST(hints ->> 'request_id' AS bigint), id FROM deletions
WHERE source = 'jellyseerr' AND hints ->> 'request_id' IS NOT NULL
ORDER BY id
ON CONFLICT (request_id) DO NOTHING;

-- Which titles a library said, or showed, to have deleted, and the deletion that answered it first. A person may have
-- cancelled that before anything was bound, and a resync must not ask again. Without a deletion: the library said that it
-- kept the files, and nothing followed.
CREATE TABLE deleted_titles (
    instance text NOT NULL,
    entry_id bigint NOT NULL,
    deletion uuid,
    PRIMARY KEY (instance, entry_id)
);

INSERT INTO deleted_titles (instance, entry_id, deletion)
SELECT c.instance, coalesce(CAST(d.hints ->> 'radarr_id' AS bigint), CAST(d.hints ->> 'sonarr_id' AS bigint)), d.id
FROM deletions d JOIN covered_instances c ON c.deletion = d.id
WHERE d.source IN ('radarr', 'sonarr') AND coalesce(CAST(d.hints ->> 'radarr_id' AS bigint), CAST(d.hints ->> 'sonarr_id' AS bigint)) IS NOT NULL
ORDER BY d.id
ON CONFLICT (instance, entry_id) DO NOTHING;
