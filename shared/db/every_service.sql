-- The tables that every service's database has. Run as migration 0 by shared.db.migrate.

CREATE TABLE outbox (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  uuid NOT NULL UNIQUE,
    exchange    text NOT NULL,
    routing_key text NOT NULL,
    mandatory   boolean NOT NULL,
    body        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE outbox IS 'Messages committed with the state they tell of; the relay deletes each once the broker confirmed it.';

CREATE TABLE inbox (
    consumer   text NOT NULL,
    message_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_by_age ON inbox (handled_at);
COMMENT ON TABLE inbox IS 'Messages whose effect is committed: written in the same transaction as the effect.';

CREATE TABLE fences (
    tombstone bytea PRIMARY KEY,
    fenced_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fences_by_age ON fences (fenced_at);
COMMENT ON TABLE fences IS 'Keyed hashes of subjects that are being purged or are gone. Every write checks it in its own transaction.';

CREATE TABLE idempotency (
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    subject_id  uuid NOT NULL,
    answer      jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_by_subject ON idempotency (subject_id);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
