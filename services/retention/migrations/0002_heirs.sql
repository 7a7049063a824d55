-- The account that a guest signed in to: what was paid for passes to it. Forgotten when the purge completes.
ALTER TABLE purges ADD COLUMN heir_id uuid;
ALTER TABLE purges ADD CONSTRAINT completed_has_no_heir CHECK (state <> 'completed' OR heir_id IS NULL);
