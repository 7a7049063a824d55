-- What of a photo may be downloaded, as payments last said; and which renders are sheets, that are unlocked apart.

ALTER TABLE photos ADD COLUMN unlock_revision bigint NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN unlocked_scopes text[] NOT NULL DEFAULT '{}';
ALTER TABLE photos ADD COLUMN unlocked_at timestamptz;
COMMENT ON COLUMN photos.unlock_revision IS 'Grows with each change at payments: what is older is dropped.';

ALTER TABLE renders ADD COLUMN sheet boolean NOT NULL DEFAULT false;
