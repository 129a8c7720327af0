-- Who was heard from, what our webhooks looked like at the upstreams, and which deletions a receipt came to.
-- `sql/sqlite/0005_senders.sql` says the same for SQLite.

CREATE TABLE senders (
    source        text NOT NULL,
    instance      text NOT NULL, -- '' when it could not be told
    last_heard_at timestamptz NOT NULL,
    last_heard    text NOT NULL,
    last_test_at  timestamptz,
    PRIMARY KEY (source, instance)
);

CREATE TABLE connections (
    instance text PRIMARY KEY,
    state    json NOT NULL,
    at       timestamptz NOT NULL
);

-- No foreign key to deletions: an echo names one as well, and a receipt is evidence of what was answered.
CREATE TABLE receipt_deletions (
    receipt  bigint NOT NULL REFERENCES receipts (number) ON DELETE CASCADE,
    position bigint NOT NULL,
    deletion text NOT NULL,
    outcome  text NOT NULL,
    PRIMARY KEY (receipt, position)
);

CREATE INDEX receipt_deletions_deletion ON receipt_deletions (deletion, receipt);
