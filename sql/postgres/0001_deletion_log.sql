-- The deletion log, its ledger and its bookkeeping. `sql/sqlite/0001_deletion_log.sql` says the same for SQLite.
-- Facts are stored once: phases, `Converged` and `sent_at` of a target are computed when they are read.

CREATE TABLE deletions (
    id                  uuid PRIMARY KEY,
    media_kind          text NOT NULL CHECK (media_kind IN ('movie', 'series')),
    tmdb_id             bigint CHECK (tmdb_id > 0),
    tvdb_id             bigint CHECK (tvdb_id > 0),
    title               text,
    year                bigint,
    source              text NOT NULL,
    requested_by        text,
    requested_at        timestamptz NOT NULL,
    coverage_key        text NOT NULL, -- what was asked: kind, ids, instances; later learnt ids do not change it
    delete_files        boolean NOT NULL,
    add_exclusion       boolean NOT NULL,
    inferred            boolean NOT NULL,
    hints               json NOT NULL,
    not_before          timestamptz,
    bound_at            timestamptz,
    bound_seq           bigint,
    live_request_ids    json NOT NULL DEFAULT '[]',
    frozen_at           timestamptz,
    destroyed_at        timestamptz,
    finishing_old_copy  boolean NOT NULL DEFAULT FALSE,
    searched_at         timestamptz,
    breaker_tripped_at  timestamptz,
    cancel_requested_at timestamptz,
    retried_at          timestamptz,
    approved            json NOT NULL DEFAULT '[]',
    settled_at          timestamptz,
    settled_as          text CHECK (settled_as IN ('converged', 'cancelled')),
    settled_reason      text,
    watch_until         timestamptz,
    attempt             bigint NOT NULL DEFAULT 0,
    next_due_at         timestamptz,
    wakes               bigint NOT NULL DEFAULT 0, -- counts wake-ups, so that a pass does not overwrite one it did not see
    CHECK ((settled_at IS NULL) = (settled_as IS NULL)),
    CHECK ((bound_at IS NULL) = (bound_seq IS NULL))
);

CREATE UNIQUE INDEX deletions_open_coverage ON deletions (coverage_key) WHERE settled_at IS NULL;
CREATE INDEX deletions_open_tmdb ON deletions (media_kind, tmdb_id) WHERE settled_at IS NULL;
CREATE INDEX deletions_open_tvdb ON deletions (media_kind, tvdb_id) WHERE settled_at IS NULL;
CREATE INDEX deletions_open_requested ON deletions (requested_at) WHERE settled_at IS NULL;
-- Settled deletions keep `next_due_at` only inside their watch window, so the due query never meets history.
CREATE INDEX deletions_due ON deletions (next_due_at, id) WHERE next_due_at IS NOT NULL;
CREATE INDEX deletions_destroyed ON deletions (destroyed_at) WHERE destroyed_at IS NOT NULL;

CREATE TABLE covered_instances (
    deletion uuid NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    instance text NOT NULL,
    PRIMARY KEY (deletion, instance)
);

CREATE TABLE targets (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deletion     uuid NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('torrent', 'entry', 'record', 'request', 'unmanaged')),
    instance     text NOT NULL,
    external_id  text NOT NULL,
    media_kind   text CHECK (media_kind IN ('movie', 'series')),
    tmdb_id      bigint,
    tvdb_id      bigint,
    added        text, -- the upstream's own stamp, compared for equality only
    name         text,
    path         text,
    files        json NOT NULL,
    size         bigint NOT NULL,
    prior        json, -- monitoring before it was changed
    absent_since timestamptz,
    UNIQUE (deletion, kind, instance, external_id)
);

CREATE INDEX targets_external ON targets (external_id, kind, instance);

CREATE TABLE actions (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target      bigint NOT NULL REFERENCES targets (number) ON DELETE CASCADE,
    kind        text NOT NULL, -- which action, like 'DeleteEntry': only that one comes back as an echo
    epoch       bigint NOT NULL,
    destructive boolean NOT NULL,
    sent_at     timestamptz NOT NULL
);

CREATE INDEX actions_target ON actions (target, sent_at);

CREATE TABLE conditions (
    deletion             uuid NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    type                 text NOT NULL,
    instance             text NOT NULL,
    status               text NOT NULL CHECK (status IN ('True', 'False', 'Unknown')),
    reason               text NOT NULL,
    message              text NOT NULL,
    last_transition_time timestamptz NOT NULL,
    PRIMARY KEY (deletion, type, instance)
);

CREATE TABLE events (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deletion uuid NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    kind     text NOT NULL,
    message  text NOT NULL,
    at       timestamptz NOT NULL,
    data     json NOT NULL
);

CREATE INDEX events_deletion ON events (deletion, number);

CREATE TABLE receipts (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL,
    instance    text,
    received_at timestamptz NOT NULL,
    heard       text NOT NULL,
    event       text NOT NULL,
    reason      text NOT NULL,
    body        text NOT NULL
);

CREATE TABLE idempotency_keys (
    source      text NOT NULL,
    key         text NOT NULL,
    body_digest text NOT NULL,
    received_at timestamptz NOT NULL,
    outcomes    json NOT NULL, -- per deletion: outcome and id, as first answered
    PRIMARY KEY (source, key)
);

CREATE INDEX idempotency_keys_age ON idempotency_keys (received_at);

-- One row. References and wants are numbered from it in the order in which they are committed.
CREATE TABLE ledger_sequence (
    only_row    boolean PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    last_number bigint NOT NULL
);

INSERT INTO ledger_sequence (last_number) VALUES (0);

CREATE TABLE refs (
    number       bigint PRIMARY KEY,
    instance     text NOT NULL,
    history_id   bigint, -- NULL while only a webhook told it
    receipt      bigint REFERENCES receipts (number) ON DELETE SET NULL,
    arrived_at   timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('grab', 'import')),
    entry_id     bigint NOT NULL,
    media_kind   text CHECK (media_kind IN ('movie', 'series')),
    tmdb_id      bigint,
    tvdb_id      bigint,
    raw_hash     text,
    hash         text CHECK (length(hash) IN (40, 64)),
    season       bigint,
    episode      bigint,
    client       text,
    protocol     text NOT NULL,
    by_person    boolean NOT NULL,
    upstream_at  text, -- the upstream's own date text, never compared with our time
    source_title text,
    released_by  uuid, -- no foreign key: references outlive pruned deletions and stay released
    UNIQUE (instance, history_id)
);

-- By the first 40 digits, because a v2 hash is also known truncated to them.
CREATE INDEX refs_hash ON refs (substr(hash, 1, 40)) WHERE hash IS NOT NULL;
CREATE INDEX refs_unreleased ON refs (substr(hash, 1, 40)) WHERE hash IS NOT NULL AND released_by IS NULL;
CREATE INDEX refs_tmdb ON refs (tmdb_id) WHERE tmdb_id IS NOT NULL;
CREATE INDEX refs_tvdb ON refs (tvdb_id) WHERE tvdb_id IS NOT NULL;
CREATE INDEX refs_entry ON refs (instance, entry_id);
CREATE INDEX refs_provisional ON refs (instance, entry_id) WHERE history_id IS NULL;
CREATE INDEX refs_released ON refs (released_by) WHERE released_by IS NOT NULL;

CREATE TABLE wants (
    number     bigint PRIMARY KEY,
    kind       text NOT NULL CHECK (kind = 'manual_add'),
    instance   text NOT NULL,
    entry_id   bigint NOT NULL,
    media_kind text NOT NULL CHECK (media_kind IN ('movie', 'series')),
    tmdb_id    bigint,
    tvdb_id    bigint,
    receipt    bigint REFERENCES receipts (number) ON DELETE SET NULL
);

CREATE TABLE ledger_coverage (
    instance       text PRIMARY KEY,
    backfilled_at  timestamptz,
    backfill_rows  bigint NOT NULL,
    backfill_total bigint,
    cursor_date    text,
    cursor_id      bigint NOT NULL,
    synced_at      timestamptz,
    gaps           json NOT NULL
);

CREATE TABLE library (
    instance   text NOT NULL,
    entry_id   bigint NOT NULL,
    media_kind text NOT NULL CHECK (media_kind IN ('movie', 'series')),
    tmdb_id    bigint,
    tvdb_id    bigint,
    title      text NOT NULL,
    year       bigint,
    path       text NOT NULL,
    added      text NOT NULL,
    size       bigint NOT NULL,
    files      json NOT NULL,
    PRIMARY KEY (instance, entry_id)
);

CREATE INDEX library_tmdb ON library (tmdb_id) WHERE tmdb_id IS NOT NULL;
CREATE INDEX library_tvdb ON library (tvdb_id) WHERE tvdb_id IS NOT NULL;

CREATE TABLE baselines (
    instance text PRIMARY KEY,
    identity text NOT NULL,
    ids      json NOT NULL,
    at       timestamptz NOT NULL
);

CREATE TABLE leases (
    name       text PRIMARY KEY,
    holder     text, -- NULL: given back
    epoch      bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE passes (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    deletions   bigint NOT NULL,
    rounds      bigint NOT NULL,
    calls       bigint NOT NULL,
    error       text NOT NULL
);

CREATE TABLE upstreams (
    instance     text PRIMARY KEY,
    kind         text NOT NULL,
    reachable    boolean NOT NULL,
    since        timestamptz NOT NULL,
    app          text NOT NULL,
    version      text NOT NULL,
    last_seen_at timestamptz,
    last_error   text NOT NULL
);
