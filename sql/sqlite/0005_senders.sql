-- Who was heard from, what our webhooks looked like at the upstreams, and which deletions a receipt came to.
-- `sql/postgres/0005_senders.sql` says the same for PostgreSQL.

CREATE TABLE senders (
    source        TEXT NOT NULL,
    instance      TEXT NOT NULL, -- '' when it could not be told
    last_heard_at TEXT NOT NULL,
    last_heard    TEXT NOT NULL,
    last_test_at  TEXT,
    PRIMARY KEY (source, instance)
) STRICT;

CREATE TABLE connections (
    instance TEXT PRIMARY KEY,
    state    TEXT NOT NULL CHECK (json_valid(state)),
    at       TEXT NOT NULL
) STRICT;

-- No foreign key to deletions: an echo names one as well, and a receipt is evidence of what was answered.
CREATE TABLE receipt_deletions (
    receipt  INTEGER NOT NULL REFERENCES receipts (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    deletion TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    PRIMARY KEY (receipt, position)
) STRICT;

CREATE INDEX receipt_deletions_deletion ON receipt_deletions (deletion, receipt);
