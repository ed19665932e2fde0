-- What is left of sessions that were removed: the end of their audit chain.
CREATE TABLE removed_sessions (
    session_id           UUID        PRIMARY KEY,
    state                TEXT        NOT NULL,
    audit_sequence       BIGINT      NOT NULL,
    audit_head           BYTEA       NOT NULL CHECK (length(audit_head) = 32),
    removed_at           TIMESTAMPTZ NOT NULL,
    -- When its audit was removed, too.
    audit_removed_at     TIMESTAMPTZ
);
CREATE INDEX idx_removed_sessions_audit ON removed_sessions (removed_at) WHERE audit_removed_at IS NULL;

-- Executions as the executor tells of them, so that nothing is removed that runs.
CREATE TABLE session_executions (
    execution_id         TEXT        NOT NULL PRIMARY KEY,
    session_id           UUID        NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    ended_at             TIMESTAMPTZ
);
CREATE INDEX idx_session_executions ON session_executions (session_id);

-- What is decided, by when it last changed.
CREATE INDEX idx_review_sessions_ended ON plan_review_sessions (updated_at)
    WHERE state IN ('approved', 'partially_approved', 'rejected', 'timed_out', 'cancelled');
