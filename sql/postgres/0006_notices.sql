-- What people are told, and how far each messenger has been told. `sql/sqlite/0006_notices.sql` says the same for SQLite.

-- One row per thing that is worth telling. It is current until `over_at`; what has no duration is over when it happens.
CREATE TABLE notices (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deletion   uuid NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
    occasion   text NOT NULL CHECK (occasion IN ('converged', 'held', 'stalled')),
    occurrence text NOT NULL, -- what makes it one: the reason it is held for, since when it stands still, or when it ended
    at         timestamptz NOT NULL,
    over_at    timestamptz
);

CREATE INDEX notices_deletion ON notices (deletion);
CREATE UNIQUE INDEX notices_current ON notices (deletion, occasion, occurrence) WHERE over_at IS NULL;
CREATE INDEX notices_over ON notices (over_at) WHERE over_at IS NOT NULL;

-- Who is told, by the place in the configuration: the addresses themselves are secrets.
CREATE TABLE messengers (
    position      integer PRIMARY KEY,
    kind          text NOT NULL,
    since         timestamptz NOT NULL,
    last_notice   bigint NOT NULL, -- notices up to this one were told, or are not to be
    sent_at       timestamptz,
    failing_since timestamptz,
    attempt       integer NOT NULL DEFAULT 0,
    next_try_at   timestamptz,
    last_error    text NOT NULL DEFAULT ''
);
