-- What a person has asked for and the driver has not done yet; empty for nothing.
ALTER TABLE executions ADD COLUMN ordered TEXT NOT NULL DEFAULT '';

CREATE INDEX executions_ordered ON executions (id) WHERE ordered <> '';

ALTER TABLE work_item_runs ADD COLUMN undo_attempt BIGINT NOT NULL DEFAULT 0;
-- Digest of the tool when the execution was accepted; another tool is not called.
ALTER TABLE work_item_runs ADD COLUMN tool_digest BYTEA;
-- Session that reviews, or has approved, values that lay outside a bound.
ALTER TABLE work_item_runs ADD COLUMN amended_by UUID;

-- Reviews of values that lay outside a bound.
CREATE TABLE amendments (
    -- Makes asking safe to repeat.
    request_id   UUID   PRIMARY KEY,
    execution_id UUID   NOT NULL REFERENCES executions (id),
    item_id      TEXT   NOT NULL,
    -- 'asked', 'approved', 'refused' or 'applied'
    state        TEXT   NOT NULL,
    -- What is asked for: the branch, with the values as they are.
    plan         JSONB  NOT NULL,
    -- Null until the approval gate has answered.
    session_id   UUID   UNIQUE,
    -- Null until it is approved.
    grant_token  TEXT,
    version      BIGINT
);

CREATE INDEX amendments_of_execution ON amendments (execution_id);

-- Attempts that workers make.
CREATE TABLE work (
    -- Idempotency key of the attempt.
    key            TEXT        PRIMARY KEY,
    execution_id   UUID        NOT NULL REFERENCES executions (id),
    run_id         UUID        NOT NULL REFERENCES work_item_runs (id),
    attempt        BIGINT      NOT NULL,
    -- 'do' or 'undo'
    kind           TEXT        NOT NULL,
    queue          TEXT        NOT NULL,
    capabilities   JSONB       NOT NULL,
    agent_type     TEXT        NOT NULL,
    priority       BIGINT      NOT NULL,
    -- How long a lease lasts without a heartbeat; that of whoever holds it.
    lease_micros   BIGINT      NOT NULL,
    timeout_micros BIGINT      NOT NULL,
    state          TEXT        NOT NULL,
    offered_at     TIMESTAMPTZ NOT NULL,
    -- Grows with every lease: who holds an older one can no longer report.
    fence          BIGINT      NOT NULL,
    worker         TEXT        NOT NULL,
    actor          TEXT        NOT NULL,
    lease_until    TIMESTAMPTZ,
    deadline_at    TIMESTAMPTZ,
    result         JSONB
);

CREATE INDEX work_open ON work (queue, priority DESC, offered_at) WHERE state IN ('open', 'leased');
CREATE INDEX work_of_execution ON work (execution_id);
