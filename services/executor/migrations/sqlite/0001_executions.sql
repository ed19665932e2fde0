CREATE TABLE executions (
    id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
    session_id  BLOB    NOT NULL CHECK (length(session_id) = 16),
    version     INTEGER NOT NULL,
    digest      BLOB    NOT NULL,
    -- The signed permission; verified anew by whoever takes the execution up.
    grant_token TEXT    NOT NULL,
    plan        TEXT    NOT NULL CHECK (json_valid(plan)),
    goal        TEXT    NOT NULL,
    traceparent TEXT,
    state       TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    cost_micros INTEGER NOT NULL,
    created_at  TEXT    NOT NULL,
    started_at  TEXT,
    ended_at    TEXT,
    -- Counts the writes of drivers: one that does not know whether its commit went through looks here.
    revision    INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until TEXT,
    -- Grows with every claim: who holds an older one can no longer write.
    fence       INTEGER NOT NULL,
    UNIQUE (session_id, version)
) STRICT;

CREATE INDEX executions_newest ON executions (created_at DESC, id DESC);
CREATE INDEX executions_open ON executions (lease_until) WHERE state IN ('pending', 'running', 'rolling_back');

CREATE TABLE work_item_runs (
    id           BLOB    PRIMARY KEY CHECK (length(id) = 16),
    execution_id BLOB    NOT NULL REFERENCES executions (id),
    item_id      TEXT    NOT NULL,
    -- The item as it is dispatched, after its leaf was compared with the grant's.
    item         TEXT    NOT NULL CHECK (json_valid(item)),
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    started_at   TEXT,
    ended_at     TEXT,
    retry_at     TEXT,
    output       TEXT    CHECK (json_valid(output)),
    error        TEXT    NOT NULL,
    summary      TEXT    NOT NULL,
    cost_micros  INTEGER NOT NULL,
    completed    INTEGER,
    UNIQUE (execution_id, item_id)
) STRICT;

CREATE TABLE artifacts (
    id           BLOB    PRIMARY KEY CHECK (length(id) = 16),
    execution_id BLOB    NOT NULL REFERENCES executions (id),
    item_id      TEXT    NOT NULL,
    path         TEXT    NOT NULL,
    media_type   TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    digest       BLOB    NOT NULL,
    created_at   TEXT    NOT NULL,
    UNIQUE (execution_id, item_id, path)
) STRICT;

-- What stood in a file before an item wrote it; kept before the first attempt writes.
CREATE TABLE undo_records (
    run_id   BLOB NOT NULL REFERENCES work_item_runs (id),
    path     TEXT NOT NULL,
    -- Where the content is kept; null when there was no file.
    previous BLOB,
    PRIMARY KEY (run_id, path)
) STRICT;
