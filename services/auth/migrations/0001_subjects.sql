-- Subjects, guests, sessions, consents. The device id itself is never here, only its keyed hash.

CREATE TABLE subjects (
    subject_id  uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('guest', 'account')),
    state       text NOT NULL CHECK (state IN ('active', 'erasing')),
    wrapped_key bytea,
    created_at  timestamptz NOT NULL,
    CHECK ((state = 'active') = (wrapped_key IS NOT NULL))
);
COMMENT ON COLUMN subjects.wrapped_key IS 'The subject''s data key under a master key. Deleting it makes all the subject''s data unreadable.';

CREATE TABLE guests (
    subject_id  uuid PRIMARY KEY REFERENCES subjects ON DELETE CASCADE,
    device_hash text NOT NULL UNIQUE,
    secret_hash text NOT NULL
);

CREATE TABLE sessions (
    session_id   uuid PRIMARY KEY,
    subject_id   uuid NOT NULL REFERENCES subjects ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX sessions_by_subject ON sessions (subject_id);

CREATE TABLE refresh_tokens (
    token_hash text PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    rotated_at timestamptz
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE consents (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_id uuid NOT NULL REFERENCES subjects ON DELETE CASCADE,
    document   text NOT NULL,
    version    text NOT NULL,
    action     text NOT NULL CHECK (action IN ('grant', 'withdraw')),
    at         timestamptz NOT NULL
);
CREATE INDEX consents_by_subject ON consents (subject_id);

CREATE TABLE denials (
    hash  text PRIMARY KEY,
    until timestamptz NOT NULL
);
COMMENT ON TABLE denials IS 'Hashes of fenced subjects and ended sessions, until their last access token has expired.';
