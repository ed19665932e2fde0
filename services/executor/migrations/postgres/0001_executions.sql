CREATE TABLE executions (
    id          UUID        PRIMARY KEY,
    session_id  UUID        NOT NULL,
    version     BIGINT      NOT NULL,
    digest      BYTEA       NOT NULL,
    -- The signed permission; verified anew by whoever takes the execution up.
    grant_token TEXT        NOT NULL,
    plan        JSONB       NOT NULL,
    goal        TEXT        NOT NULL,
    traceparent TEXT,
    state       TEXT        NOT NULL,
    error       TEXT        NOT NULL,
    cost_micros BIGINT      NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    started_at  TIMESTAMPTZ,
    ended_at    TIMESTAMPTZ,
    -- Counts the writes of drivers: one that does not know whether its commit went through looks here.
    revision    BIGINT      NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMPTZ,
    -- Grows with every claim: who holds an older one can no longer write.
    fence       BIGINT      NOT NULL,
    UNIQUE (session_id, version)
);

CREATE INDEX executions_newest ON executions (created_at DESC, id DESC);
CREATE INDEX executions_open ON executions (lease_until) WHERE state IN ('pending', 'running', 'rolling_back');

CREATE TABLE work_item_runs (
    id           UUID   PRIMARY KEY,
    execution_id UUID   NOT NULL REFERENCES executions (id),
    item_id      TEXT   NOT NULL,
    -- The item as it is dispatched, after its leaf was compared with the grant's.
    item         JSONB  NOT NULL,
    state        TEXT   NOT NULL,
    attempt      BIGINT NOT NULL,
    started_at   TIMESTAMPTZ,
    ended_at     TIMESTAMPTZ,
    retry_at     TIMESTAMPTZ,
    output       JSONB,
    error        TEXT   NOT NULL,
    summary      TEXT   NOT NULL,
    cost_micros  BIGINT NOT NULL,
    completed    BIGINT,
    UNIQUE (execution_id, item_id)
);

CREATE TABLE artifacts (
    id           UUID        PRIMARY KEY,
    execution_id UUID        NOT NULL REFERENCES executions (id),
    item_id      TEXT        NOT NULL,
    path         TEXT        NOT NULL,
    media_type   TEXT        NOT NULL,
    size         BIGINT      NOT NULL,
    digest       BYTEA       NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    UNIQUE (execution_id, item_id, path)
);

-- What stood in a file before an item wrote it; kept before the first attempt writes.
CREATE TABLE undo_records (
    run_id   UUID  NOT NULL REFERENCES work_item_runs (id),
    path     TEXT  NOT NULL,
    -- Where the content is kept; null when there was no file.
    previous BYTEA,
    PRIMARY KEY (run_id, path)
);
