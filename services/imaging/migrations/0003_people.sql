-- How many people a photo is meant to be of: two for a marriage registration's, else one.

ALTER TABLE photos ADD COLUMN people smallint NOT NULL DEFAULT 1 CHECK (people IN (1, 2));
