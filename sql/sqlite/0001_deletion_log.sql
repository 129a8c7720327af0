-- The deletion log, its ledger and its bookkeeping. `sql/postgres/0001_deletion_log.sql` says the same for PostgreSQL.
-- Times are RFC 3339 UTC text of fixed width (2026-01-31T12:00:00.000000Z), so that they sort; booleans are 0 and 1.
-- Facts are stored once: phases, `Converged` and `sent_at` of a target are computed when they are read.

CREATE TABLE deletions (
    id                  TEXT PRIMARY KEY,
    media_kind          TEXT NOT NULL CHECK (media_kind IN ('movie', 'series')),
    tmdb_id             INTEGER CHECK (tmdb_id > 0),
    tvdb_id             INTEGER CHECK (tvdb_id > 0),
    title               TEXT,
    year                INTEGER,
    source              TEXT NOT NULL,
    requested_by        TEXT,
    requested_at        TEXT NOT NULL,
    coverage_key        TEXT NOT NULL, -- what was asked: kind, ids, instances; later learnt ids do not change it
    delete_files        INTEGER NOT NULL CHECK (delete_files IN (0, 1)),
    add_exclusion       INTEGER NOT NULL CHECK (add_exclusion IN (0, 1)),
    inferred            INTEGER NOT NULL CHECK (inferred IN (0, 1)),
    hints               TEXT NOT NULL CHECK (json_valid(hints)),
    not_before          TEXT,
    bound_at            TEXT,
    bound_seq           INTEGER,
    live_request_ids    TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(live_request_ids)),
    frozen_at           TEXT,
    destroyed_at        TEXT,
    finishing_old_copy  INTEGER NOT NULL DEFAULT 0 CHECK (finishing_old_copy IN (0, 1)),
    searched_at         TEXT,
    breaker_tripped_at  TEXT,
    cancel_requested_at TEXT,
    retried_at          TEXT,
    approved            TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(approved)),
    settled_at          TEXT,
    settled_as          TEXT CHECK (settled_as IN ('converged', 'cancelled')),
    settled_reason      TEXT,
    watch_until         TEXT,
    attempt             INTEGER NOT NULL DEFAULT 0,
    next_due_at         TEXT,
    wakes               INTEGER NOT NULL DEFAULT 0, -- counts wake-ups, so that a pass does not overwrite one it did not see
    CHECK ((settled_at IS NULL) = (settled_as IS NULL)),
    CHECK ((bound_at IS NULL) = (bound_seq IS NULL))
) STRICT;

CREATE UNIQUE INDEX deletions_open_coverage ON deletions (coverage_key) WHERE settled_at IS NULL;
CREATE INDEX deletions_open_tmdb ON deletions (media_kind, tmdb_id) WHERE settled_at IS NULL;
CREATE INDEX deletions_open_tvdb ON deletions (media_kind, tvdb_id) WHERE settled_at IS NULL;
CREATE INDEX deletions_open_requested ON deletions (requested_at) WHERE settled_at IS NULL;
-- Settled deletions keep `next_due_at` only inside their watch window, so the due query never meets history.
CREATE INDEX deletions_due ON deletions (next_due_at, id) WHERE next_due_at IS NOT NULL;
CREATE INDEX deletions_destroyed ON deletions (destroyed_at) WHERE destroyed_at IS NOT NULL;

CREATE TABLE covered_instances (
    deletion TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    instance TEXT NOT NULL,
    PRIMARY KEY (deletion, instance)
) STRICT;

CREATE TABLE targets (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    deletion     TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('torrent', 'entry', 'record', 'request', 'unmanaged')),
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
    UNIQUE (deletion, kind, instance, external_id)
) STRICT;

CREATE INDEX targets_external ON targets (external_id, kind, instance);

CREATE TABLE actions (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    target      INTEGER NOT NULL REFERENCES targets (number) ON DELETE CASCADE,
    kind        TEXT NOT NULL, -- which action, like 'DeleteEntry': only that one comes back as an echo
    epoch       INTEGER NOT NULL,
    destructive INTEGER NOT NULL CHECK (destructive IN (0, 1)),
    sent_at     TEXT NOT NULL
) STRICT;

CREATE INDEX actions_target ON actions (target, sent_at);

CREATE TABLE conditions (
    deletion             TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    type                 TEXT NOT NULL,
    instance             TEXT NOT NULL,
    status               TEXT NOT NULL CHECK (status IN ('True', 'False', 'Unknown')),
    reason               TEXT NOT NULL,
    message              TEXT NOT NULL,
    last_transition_time TEXT NOT NULL,
    PRIMARY KEY (deletion, type, instance)
) STRICT;

CREATE TABLE events (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    deletion TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    message  TEXT NOT NULL,
    at       TEXT NOT NULL,
    data     TEXT NOT NULL CHECK (json_valid(data))
) STRICT;

CREATE INDEX events_deletion ON events (deletion, number);

CREATE TABLE receipts (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    instance    TEXT,
    received_at TEXT NOT NULL,
    heard       TEXT NOT NULL,
    event       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    body        TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    received_at TEXT NOT NULL,
    outcomes    TEXT NOT NULL CHECK (json_valid(outcomes)), -- per deletion: outcome and id, as first answered
    PRIMARY KEY (source, key)
) STRICT;

CREATE INDEX idempotency_keys_age ON idempotency_keys (received_at);

-- One row. References and wants are numbered from it in the order in which they are committed.
CREATE TABLE ledger_sequence (
    only_row    INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
    last_number INTEGER NOT NULL
) STRICT;

INSERT INTO ledger_sequence (last_number) VALUES (0);

CREATE TABLE refs (
    number       INTEGER PRIMARY KEY,
    instance     TEXT NOT NULL,
    history_id   INTEGER, -- NULL while only a webhook told it
    receipt      INTEGER REFERENCES receipts (number) ON DELETE SET NULL,
    arrived_at   TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('grab', 'import')),
    entry_id     INTEGER NOT NULL,
    media_kind   TEXT CHECK (media_kind IN ('movie', 'series')),
    tmdb_id      INTEGER,
    tvdb_id      INTEGER,
    raw_hash     TEXT,
    hash         TEXT CHECK (length(hash) IN (40, 64)),
    season       INTEGER,
    episode      INTEGER,
    client       TEXT,
    protocol     TEXT NOT NULL,
    by_person    INTEGER NOT NULL CHECK (by_person IN (0, 1)),
    upstream_at  TEXT, -- the upstream's own date text, never compared with our time
    source_title TEXT,
    released_by  TEXT, -- no foreign key: references outlive pruned deletions and stay released
    UNIQUE (instance, history_id)
) STRICT;

-- By the first 40 digits, because a v2 hash is also known truncated to them.
CREATE INDEX refs_hash ON refs (substr(hash, 1, 40)) WHERE hash IS NOT NULL;
CREATE INDEX refs_unreleased ON refs (substr(hash, 1, 40)) WHERE hash IS NOT NULL AND released_by IS NULL;
CREATE INDEX refs_tmdb ON refs (tmdb_id) WHERE tmdb_id IS NOT NULL;
CREATE INDEX refs_tvdb ON refs (tvdb_id) WHERE tvdb_id IS NOT NULL;
CREATE INDEX refs_entry ON refs (instance, entry_id);
CREATE INDEX refs_provisional ON refs (instance, entry_id) WHERE history_id IS NULL;
CREATE INDEX refs_released ON refs (released_by) WHERE released_by IS NOT NULL;

CREATE TABLE wants (
    number     INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind = 'manual_add'),
    instance   TEXT NOT NULL,
    entry_id   INTEGER NOT NULL,
    media_kind TEXT NOT NULL CHECK (media_kind IN ('movie', 'series')),
    tmdb_id    INTEGER,
    tvdb_id    INTEGER,
    receipt    INTEGER REFERENCES receipts (number) ON DELETE SET NULL
) STRICT;

CREATE TABLE ledger_coverage (
    instance       TEXT PRIMARY KEY,
    backfilled_at  TEXT,
    backfill_rows  INTEGER NOT NULL,
    backfill_total INTEGER,
    cursor_date    TEXT,
    cursor_id      INTEGER NOT NULL,
    synced_at      TEXT,
    gaps           TEXT NOT NULL CHECK (json_valid(gaps))
) STRICT;

CREATE TABLE library (
    instance   TEXT NOT NULL,
    entry_id   INTEGER NOT NULL,
    media_kind TEXT NOT NULL CHECK (media_kind IN ('movie', 'series')),
    tmdb_id    INTEGER,
    tvdb_id    INTEGER,
    title      TEXT NOT NULL,
    year       INTEGER,
    path       TEXT NOT NULL,
    added      TEXT NOT NULL,
    size       INTEGER NOT NULL,
    files      TEXT NOT NULL CHECK (json_valid(files)),
    PRIMARY KEY (instance, entry_id)
) STRICT;

CREATE INDEX library_tmdb ON library (tmdb_id) WHERE tmdb_id IS NOT NULL;
CREATE INDEX library_tvdb ON library (tvdb_id) WHERE tvdb_id IS NOT NULL;

CREATE TABLE baselines (
    instance TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    ids      TEXT NOT NULL CHECK (json_valid(ids)),
    at       TEXT NOT NULL
) STRICT;

CREATE TABLE leases (
    name       TEXT PRIMARY KEY,
    holder     TEXT, -- NULL: given back
    epoch      INTEGER NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE passes (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at  TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    deletions   INTEGER NOT NULL,
    rounds      INTEGER NOT NULL,
    calls       INTEGER NOT NULL,
    error       TEXT NOT NULL
) STRICT;

CREATE TABLE upstreams (
    instance     TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    reachable    INTEGER NOT NULL CHECK (reachable IN (0, 1)),
    since        TEXT NOT NULL,
    app          TEXT NOT NULL,
    version      TEXT NOT NULL,
    last_seen_at TEXT,
    last_error   TEXT NOT NULL
) STRICT;
