-- Photos, their objects and renders. What tells of the face (analysis, facts) is sealed under the subject's key.

CREATE TABLE photos (
    photo_id   uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    state      text NOT NULL
        CHECK (state IN ('uploading', 'queued', 'processing', 'ready', 'rejected', 'failed', 'deleting')),
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    reasons    text[] NOT NULL DEFAULT '{}',
    analysis   bytea,
    event_id   uuid
);
CREATE INDEX photos_by_subject ON photos (subject_id, photo_id DESC);
CREATE INDEX photos_waiting ON photos (state, changed_at) WHERE state IN ('uploading', 'queued', 'processing', 'deleting');

CREATE TABLE objects (
    key           text PRIMARY KEY,
    subject_id    uuid NOT NULL,
    photo_id      uuid NOT NULL REFERENCES photos ON DELETE CASCADE,
    registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX objects_by_subject ON objects (subject_id);
CREATE INDEX objects_by_photo ON objects (photo_id);
COMMENT ON TABLE objects IS 'Every object''s key, committed before its first byte is written to the store.';

CREATE TABLE renders (
    render_id  uuid PRIMARY KEY,
    photo_id   uuid NOT NULL REFERENCES photos ON DELETE CASCADE,
    subject_id uuid NOT NULL,
    ready      boolean NOT NULL,
    created_at timestamptz NOT NULL,
    facts      bytea
);
CREATE INDEX renders_by_subject ON renders (subject_id);
CREATE INDEX renders_by_photo ON renders (photo_id);
