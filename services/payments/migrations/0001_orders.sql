-- Orders, refunds, the books, entitlements, reconciliation. Amounts are integer fen. No name, no buyer's id, no account.

CREATE TABLE orders (
    order_id     uuid PRIMARY KEY,
    subject_id   uuid,
    product      jsonb NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0),
    channel      text NOT NULL CHECK (channel IN ('app', 'wap', 'page', 'qr')),
    photo_id     uuid,
    state        text NOT NULL CHECK (state IN ('open', 'closing', 'closed', 'paid', 'returning', 'refunded')),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    next_look_at timestamptz,
    looks        integer NOT NULL,
    looked_at    timestamptz,
    trade_no     text,
    paid_at      timestamptz,
    refunded     bigint NOT NULL CHECK (refunded BETWEEN 0 AND amount),
    keep_until   timestamptz,
    pay          jsonb,
    event_id     uuid,
    CHECK ((state IN ('paid', 'returning', 'refunded')) = (trade_no IS NOT NULL AND paid_at IS NOT NULL)),
    CHECK ((state = 'refunded') = (refunded = amount)),
    CHECK (subject_id IS NOT NULL OR (photo_id IS NULL AND pay IS NULL AND event_id IS NULL))
);
CREATE INDEX orders_by_subject ON orders (subject_id, order_id DESC);
CREATE INDEX orders_due ON orders (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE INDEX orders_by_payment ON orders (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX orders_of_nobody ON orders (keep_until) WHERE subject_id IS NULL;
COMMENT ON COLUMN orders.subject_id IS 'Whose it is; null once its owner is erased: what the law wants kept stays without the person until keep_until.';

CREATE TABLE refunds (
    refund_id      uuid PRIMARY KEY,
    order_id       uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
    amount         bigint NOT NULL CHECK (amount > 0),
    cause          text NOT NULL,
    state          text NOT NULL CHECK (state IN ('requested', 'succeeded', 'failed')),
    created_at     timestamptz NOT NULL,
    next_look_at   timestamptz,
    out_request_no text NOT NULL UNIQUE,
    attempts       integer NOT NULL,
    taken          integer NOT NULL,
    done_at        timestamptz,
    trouble        text,
    CHECK ((state = 'requested') = (done_at IS NULL))
);
CREATE INDEX refunds_by_order ON refunds (order_id);
CREATE UNIQUE INDEX one_refund_at_a_time ON refunds (order_id) WHERE state = 'requested';
CREATE INDEX refunds_due ON refunds (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE INDEX refunds_by_end ON refunds (done_at) WHERE state = 'succeeded';

CREATE TABLE ledger_entries (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fact     text NOT NULL UNIQUE,
    order_id uuid NOT NULL,
    at       timestamptz NOT NULL
);
CREATE TABLE ledger_lines (
    entry_id bigint NOT NULL REFERENCES ledger_entries,
    account  text NOT NULL CHECK (account IN ('alipay', 'sales', 'refunds', 'owed')),
    fen      bigint NOT NULL CHECK (fen <> 0)
);
CREATE INDEX ledger_lines_by_entry ON ledger_lines (entry_id);
COMMENT ON TABLE ledger_entries IS 'The books: one row a fact, append-only; they name orders, never a person.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the books are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER lines_stay BEFORE UPDATE OR DELETE ON ledger_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_imbalance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(fen), 1) FROM ledger_lines WHERE entry_id = NEW.entry_id) <> 0 THEN
        RAISE EXCEPTION 'an entry''s lines sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_imbalance();
CREATE CONSTRAINT TRIGGER lines_balance AFTER INSERT ON ledger_lines
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_imbalance();

CREATE TABLE grants (
    grant_id   uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    order_id   uuid,
    kind       text NOT NULL CHECK (kind IN ('credits', 'pass')),
    unlocks    text[] NOT NULL,
    total      integer NOT NULL CHECK (total > 0),
    created_at timestamptz NOT NULL,
    used       integer NOT NULL CHECK (used >= 0),
    taken_back integer NOT NULL CHECK (taken_back >= 0),
    starts_at  timestamptz,
    ends_at    timestamptz,
    CHECK (kind = 'pass' OR used + taken_back <= total),
    CHECK ((kind = 'pass') = (starts_at IS NOT NULL AND ends_at IS NOT NULL))
);
CREATE INDEX grants_by_subject ON grants (subject_id);
CREATE INDEX grants_by_order ON grants (order_id);

CREATE TABLE unlocks (
    unlock_id  uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    photo_id   uuid NOT NULL,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL,
    order_id   uuid,
    grant_id   uuid,
    ended_at   timestamptz,
    CHECK ((order_id IS NULL) <> (grant_id IS NULL))
);
CREATE INDEX unlocks_by_subject ON unlocks (subject_id, photo_id);
CREATE INDEX unlocks_by_order ON unlocks (order_id);

CREATE TABLE compared_days (
    day         date PRIMARY KEY,
    compared_at timestamptz NOT NULL
);
CREATE TABLE differences (
    kind      text NOT NULL,
    reference text NOT NULL,
    day       date NOT NULL,
    ours      bigint,
    theirs    bigint,
    state     text NOT NULL CHECK (state IN ('open', 'resolved')),
    PRIMARY KEY (day, kind, reference)
);
CREATE INDEX differences_open ON differences (state) WHERE state = 'open';
