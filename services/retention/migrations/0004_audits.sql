-- A completed purge forgets its subject. For some minutes its id rests here, so that somebody may look a second time.

CREATE TABLE second_looks (
    purge_id   uuid PRIMARY KEY REFERENCES purges,
    subject_id uuid NOT NULL,
    due_at     timestamptz NOT NULL,
    looks      integer NOT NULL
);
CREATE INDEX second_looks_due ON second_looks (due_at);
COMMENT ON TABLE second_looks IS 'Minutes after a certificate: is it still true? The row goes with the look that finds nothing.';
