-- Accounts: third-party identities (known by keyed hashes), login attempts, guardians, published policies, provider tokens
-- on their way to being revoked. Consents become a hash chain that is only ever added to.

ALTER TABLE subjects ADD COLUMN age_band text CHECK (age_band IN ('under_14', '14_to_17', 'adult'));
ALTER TABLE subjects ADD COLUMN profile bytea;
COMMENT ON COLUMN subjects.profile IS 'Sealed under the subject''s data key.';

ALTER TABLE sessions ADD COLUMN label bytea;
COMMENT ON COLUMN sessions.label IS 'What the device calls itself, sealed under the subject''s data key.';

CREATE TABLE identities (
    identity_id   uuid PRIMARY KEY,
    subject_id    uuid NOT NULL REFERENCES subjects ON DELETE CASCADE,
    provider      text NOT NULL,
    external_hash text,
    union_hash    text,
    sealed        bytea NOT NULL,
    revocable     bytea,
    linked_at     timestamptz NOT NULL,
    UNIQUE (provider, external_hash),
    UNIQUE (subject_id, provider)
);
CREATE INDEX identities_by_union ON identities (provider, union_hash);
COMMENT ON COLUMN identities.external_hash IS 'Keyed hash of provider, app and openid/sub; NULL once the account is being erased, so that the person may start anew.';
COMMENT ON COLUMN identities.revocable IS 'The provider''s token, sealed under the subject''s data key; only for withdrawing the grant.';

CREATE TABLE login_attempts (
    attempt_id uuid PRIMARY KEY,
    provider   text NOT NULL,
    sealed     bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE burned_nonces (
    hash  text PRIMARY KEY,
    until timestamptz NOT NULL
);
COMMENT ON TABLE burned_nonces IS 'Nonces of identity tokens that were used: a token stolen later opens nothing.';

CREATE TABLE revocations (
    revocation_id uuid PRIMARY KEY,
    tombstone     bytea NOT NULL,
    provider      text NOT NULL,
    sealed        bytea,
    status        text NOT NULL CHECK (status IN ('pending', 'revoked', 'not_possible', 'refused', 'given_up')),
    attempts      integer NOT NULL,
    next_try_at   timestamptz NOT NULL,
    give_up_at    timestamptz NOT NULL
);
CREATE INDEX revocations_due ON revocations (next_try_at) WHERE status = 'pending';
COMMENT ON COLUMN revocations.sealed IS 'The provider''s token under a master key, until it was used or given up; NULL afterwards.';

CREATE TABLE guardianships (
    guardianship_id uuid PRIMARY KEY,
    child_id        uuid NOT NULL REFERENCES subjects ON DELETE CASCADE,
    guardian_id     uuid REFERENCES subjects ON DELETE CASCADE,
    link_hash       text UNIQUE,
    expires_at      timestamptz NOT NULL,
    granted_at      timestamptz,
    withdrawn_at    timestamptz
);
CREATE INDEX guardianships_of_child ON guardianships (child_id);
CREATE INDEX guardianships_of_guardian ON guardianships (guardian_id);

CREATE TABLE policy_documents (
    document     text NOT NULL,
    version      text NOT NULL,
    language     text NOT NULL,
    published_at timestamptz NOT NULL,
    title        text NOT NULL,
    markdown     text NOT NULL,
    PRIMARY KEY (document, version, language)
);

ALTER TABLE consents ADD COLUMN kind text NOT NULL DEFAULT 'document' CHECK (kind IN ('document', 'permission', 'purpose', 'guardian'));
ALTER TABLE consents ADD COLUMN chain text NOT NULL DEFAULT '';
COMMENT ON COLUMN consents.chain IS 'Hash over this row and the chain of the row before it: an altered or missing row shows.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END $$;
CREATE TRIGGER consents_are_added_only BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION refuse_change();
