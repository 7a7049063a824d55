-- A completed purge forgets its subject. For some minutes its id rests here, sealed, so that somebody may look again.

CREATE TABLE second_looks (
    purge_id   uuid PRIMARY KEY REFERENCES purges,
    sealed_id  bytea NOT NULL,
    due_at     timestamptz NOT NULL,
    looks      integer NOT NULL
);
CREATE INDEX second_looks_due ON second_looks (due_at);
COMMENT ON TABLE second_looks IS 'Minutes after a certificate: is it still true? The row goes with the look that finds nothing.';
COMMENT ON COLUMN second_looks.sealed_id IS 'The subject''s id under the receipt key: the database itself names nobody whose purge is completed.';
