-- Photos that cannot be had any more: nothing is sold for them, and a payment that slips in goes back.

CREATE TABLE lost_photos (
    photo_id   uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    lost_at    timestamptz NOT NULL
);
CREATE INDEX lost_photos_by_subject ON lost_photos (subject_id);
CREATE INDEX lost_photos_by_age ON lost_photos (lost_at);
COMMENT ON TABLE lost_photos IS 'Rejected or deleted photos, until no order of before can be paid any more.';
