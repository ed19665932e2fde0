-- What a person has asked for and the driver has not done yet; empty for nothing.
ALTER TABLE executions ADD COLUMN ordered TEXT NOT NULL DEFAULT '';

CREATE INDEX executions_ordered ON executions (id) WHERE ordered <> '';

ALTER TABLE work_item_runs ADD COLUMN undo_attempt INTEGER NOT NULL DEFAULT 0;
-- Digest of the tool when the execution was accepted; another tool is not called.
ALTER TABLE work_item_runs ADD COLUMN tool_digest BLOB;
-- Session that reviews, or has approved, values that lay outside a bound.
ALTER TABLE work_item_runs ADD COLUMN amended_by BLOB CHECK (length(amended_by) = 16);

-- Reviews of values that lay outside a bound.
CREATE TABLE amendments (
    -- Makes asking safe to repeat.
    request_id   BLOB    PRIMARY KEY CHECK (length(request_id) = 16),
    execution_id BLOB    NOT NULL REFERENCES executions (id),
    item_id      TEXT    NOT NULL,
    -- 'asked', 'approved', 'refused' or 'applied'
    state        TEXT    NOT NULL,
    -- What is asked for: the branch, with the values as they are.
    plan         TEXT    NOT NULL CHECK (json_valid(plan)),
    -- Null until the approval gate has answered.
    session_id   BLOB    UNIQUE CHECK (length(session_id) = 16),
    -- Null until it is approved.
    grant_token  TEXT,
    version      INTEGER
) STRICT;

CREATE INDEX amendments_of_execution ON amendments (execution_id);

-- Attempts that workers make.
CREATE TABLE work (
    -- Idempotency key of the attempt.
    key            TEXT    PRIMARY KEY,
    execution_id   BLOB    NOT NULL REFERENCES executions (id),
    run_id         BLOB    NOT NULL REFERENCES work_item_runs (id),
    attempt        INTEGER NOT NULL,
    -- 'do' or 'undo'
    kind           TEXT    NOT NULL,
    queue          TEXT    NOT NULL,
    capabilities   TEXT    NOT NULL CHECK (json_valid(capabilities)),
    agent_type     TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    -- How long a lease lasts without a heartbeat; that of whoever holds it.
    lease_micros   INTEGER NOT NULL,
    timeout_micros INTEGER NOT NULL,
    state          TEXT    NOT NULL,
    offered_at     TEXT    NOT NULL,
    -- Grows with every lease: who holds an older one can no longer report.
    fence          INTEGER NOT NULL,
    worker         TEXT    NOT NULL,
    actor          TEXT    NOT NULL,
    lease_until    TEXT,
    deadline_at    TEXT,
    result         TEXT    CHECK (json_valid(result))
) STRICT;

CREATE INDEX work_open ON work (queue, priority DESC, offered_at) WHERE state IN ('open', 'leased');
CREATE INDEX work_of_execution ON work (execution_id);
