-- What people are told, and how far each messenger has been told. `sql/postgres/0006_notices.sql` says the same for
-- PostgreSQL.

-- One row per thing that is worth telling. It is current until `over_at`; what has no duration is over when it happens.
CREATE TABLE notices (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    deletion   TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    occasion   TEXT NOT NULL CHECK (occasion IN ('converged', 'held', 'stalled')),
    occurrence TEXT NOT NULL, -- what makes it one: the reason it is held for, since when it stands still, or when it ended
    at         TEXT NOT NULL,
    over_at    TEXT
) STRICT;

CREATE INDEX notices_deletion ON notices (deletion);
CREATE UNIQUE INDEX notices_current ON notices (deletion, occasion, occurrence) WHERE over_at IS NULL;
CREATE INDEX notices_over ON notices (over_at) WHERE over_at IS NOT NULL;

-- Who is told, by the place in the configuration: the addresses themselves are secrets.
CREATE TABLE messengers (
    position      INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL,
    since         TEXT NOT NULL,
    last_notice   INTEGER NOT NULL, -- notices up to this one were told, or are not to be
    sent_at       TEXT,
    failing_since TEXT,
    attempt       INTEGER NOT NULL DEFAULT 0,
    next_try_at   TEXT,
    last_error    TEXT NOT NULL DEFAULT ''
) STRICT;
