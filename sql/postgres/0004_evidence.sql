-- What shows that something is gone, and what came of it. `sql/sqlite/0004_evidence.sql` says the same for SQLite.

ALTER TABLE targets ADD COLUMN seen_at timestamptz; -- when it was last seen there; NULL: never, or not since this was added
ALTER TABLE deletions ADD COLUMN freed bigint; -- bytes that were seen gone when it converged last
ALTER TABLE baselines ADD COLUMN doubted json; -- the list that came last, if it was not believed
ALTER TABLE baselines ADD COLUMN accepted json; -- the one that a person said is right
ALTER TABLE deletions ADD COLUMN turned_at timestamptz; -- when it last began or ceased to be held or to wait for a set time
ALTER TABLE conditions ADD COLUMN reason_since timestamptz; -- when the reason changed; last_transition_time moves with the status

UPDATE conditions SET reason_since = last_transition_time;

UPDATE deletions SET freed = CASE WHEN delete_files THEN greatest(
    (
        SELECT coalesce(sum(t.size), 0) FROM targets t
        WHERE t.deletion = deletions.id AND t.kind = 'torrent' AND t.absent_since IS NOT NULL
            AND EXISTS (SELECT 1 FROM actions a WHERE a.target = t.number AND a.destructive)
            AND NOT EXISTS (
                SELECT 1 FROM conditions c
                WHERE c.deletion = t.deletion AND c.instance = t.instance AND c.reason = 'SharedWithUnknown'
            )
    ),
    (
        SELECT coalesce(sum(t.size), 0) FROM targets t
        WHERE t.deletion = deletions.id AND t.absent_since IS NOT NULL
            AND (t.kind = 'file' OR (t.kind = 'entry' AND deletions.seasons IS NULL))
            AND EXISTS (SELECT 1 FROM actions a WHERE a.target = t.number AND a.destructive)
    )
) ELSE 0 END
WHERE settled_as = 'converged';

-- The status counts all that has ended, and shows what converged lately.
CREATE INDEX deletions_ended ON deletions (settled_as, freed) WHERE settled_as IS NOT NULL;
CREATE INDEX deletions_converged ON deletions (settled_at) WHERE settled_as = 'converged';
-- In the order of lists, so that those of what is open never meet history.
CREATE INDEX deletions_open ON deletions (id) WHERE settled_at IS NULL;
