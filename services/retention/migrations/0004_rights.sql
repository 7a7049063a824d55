-- A person's rights: exports, the disclosure ledger, feedback. All of a subject goes with its purge.

CREATE TABLE exports (
    export_id    uuid PRIMARY KEY,
    subject_id   uuid NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'building', 'ready', 'failed', 'expired')),
    requested_at timestamptz NOT NULL,
    heard_at     timestamptz NOT NULL,
    attempt      integer NOT NULL,
    parts        integer NOT NULL,
    size         bigint,
    expires_at   timestamptz,
    ended_at     timestamptz,
    cleared      boolean NOT NULL,
    CHECK (state <> 'ready' OR (size IS NOT NULL AND expires_at IS NOT NULL))
);
CREATE INDEX exports_by_subject ON exports (subject_id, requested_at DESC);
CREATE UNIQUE INDEX one_export_at_a_time ON exports (subject_id) WHERE state IN ('queued', 'building');
CREATE INDEX exports_to_look_after ON exports (state, heard_at) WHERE NOT cleared;
COMMENT ON COLUMN exports.parts IS 'Objects of build `attempt`, each counted here before its first byte is written.';

CREATE TABLE disclosures (
    disclosure_id uuid PRIMARY KEY,
    subject_id    uuid NOT NULL,
    position      integer NOT NULL,
    who           text NOT NULL,
    what          text[] NOT NULL,
    ground        text NOT NULL CHECK (ground IN ('consent', 'necessary_service', 'law_or_authority',
        'breach_of_agreement', 'ip_complaint', 'transaction_counterpart', 'other_lawful')),
    at            timestamptz NOT NULL,
    reference     uuid,
    source        text NOT NULL,
    chain         text NOT NULL,
    UNIQUE (subject_id, position)
);
COMMENT ON TABLE disclosures IS 'Only ever added to; each line''s chain covers the ones before.';

CREATE TABLE disclosure_tallies (
    month  text NOT NULL,
    who    text NOT NULL,
    what   text[] NOT NULL,
    ground text NOT NULL,
    count  bigint NOT NULL,
    PRIMARY KEY (month, who, what, ground)
);
COMMENT ON TABLE disclosure_tallies IS 'Records of processing without a person, kept three years.';

CREATE TABLE tickets (
    ticket_id      uuid PRIMARY KEY,
    subject_id     uuid,
    kind           text NOT NULL,
    state          text NOT NULL CHECK (state IN ('open', 'answered', 'closed')),
    created_at     timestamptz NOT NULL,
    deadline       timestamptz NOT NULL,
    sealed_key     bytea NOT NULL,
    sealed_text    bytea NOT NULL,
    sealed_contact bytea,
    sealed_answer  bytea,
    answered_at    timestamptz,
    alarmed        boolean NOT NULL,
    CHECK ((state = 'open') = (sealed_answer IS NULL)),
    CHECK ((state = 'open') = (answered_at IS NULL))
);
CREATE INDEX tickets_by_subject ON tickets (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX tickets_by_deadline ON tickets (state, deadline);
