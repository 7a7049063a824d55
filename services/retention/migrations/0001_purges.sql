-- Purges. A completed one no longer names its subject: only the tombstone (a keyed hash) recognises it.

CREATE TABLE purges (
    purge_id       uuid PRIMARY KEY,
    subject_id     uuid,
    tombstone      bytea NOT NULL UNIQUE,
    reason         text NOT NULL,
    state          text NOT NULL
        CHECK (state IN ('requested', 'fenced', 'purging', 'verifying', 'completed', 'stuck')),
    requested_at   timestamptz NOT NULL,
    next_look_at   timestamptz NOT NULL,
    patience_from  timestamptz NOT NULL,
    timeline       jsonb NOT NULL,
    fenced         boolean NOT NULL,
    reported       text[] NOT NULL,
    identity_asked boolean NOT NULL,
    counts         jsonb NOT NULL,
    attempts       integer NOT NULL,
    opened_with    text,
    trouble        text,
    certificate    text,
    CHECK ((state = 'completed') = (subject_id IS NULL)),
    CHECK ((state = 'completed') = (certificate IS NOT NULL))
);
CREATE INDEX purges_due ON purges (next_look_at) WHERE state NOT IN ('completed', 'stuck');
CREATE INDEX purges_by_age ON purges (requested_at DESC);
