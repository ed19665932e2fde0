-- Ids of people and of work items are texts here: people are known by what their credential says, and a work
-- item keeps its readable id through all versions.
CREATE TABLE plan_review_sessions (
    id                   UUID        PRIMARY KEY,
    -- The plan.
    decomposition_id     UUID        NOT NULL,
    state                VARCHAR(30) NOT NULL DEFAULT 'pending',
    priority             VARCHAR(20) NOT NULL DEFAULT 'normal',
    created_at           TIMESTAMPTZ NOT NULL,
    expires_at           TIMESTAMPTZ,
    assigned_reviewer    TEXT,
    authorized_approvers JSONB       NOT NULL DEFAULT '[]',
    current_version      INTEGER     NOT NULL DEFAULT 1,
    reviewer_message     TEXT        NOT NULL DEFAULT '',
    metadata             JSONB       NOT NULL DEFAULT '{}',
    updated_at           TIMESTAMPTZ NOT NULL,
    revision             BIGINT      NOT NULL DEFAULT 1,
    goal                 TEXT        NOT NULL,
    digest               BYTEA       NOT NULL CHECK (length(digest) = 32),
    risk_level           VARCHAR(20) NOT NULL,
    risk                 JSONB       NOT NULL,
    step_count           INTEGER     NOT NULL,
    requester_id         TEXT        NOT NULL,
    requester            JSONB       NOT NULL,
    on_behalf_of         TEXT        NOT NULL DEFAULT '',
    mode                 VARCHAR(20) NOT NULL,
    options              JSONB       NOT NULL,
    -- The end of the audit chain, so that a chain that was cut off shows.
    audit_sequence       BIGINT      NOT NULL,
    audit_head           BYTEA       NOT NULL CHECK (length(audit_head) = 32)
);

CREATE INDEX idx_review_sessions_state ON plan_review_sessions (state);
CREATE INDEX idx_review_sessions_reviewer ON plan_review_sessions (assigned_reviewer);
CREATE INDEX idx_review_sessions_newest ON plan_review_sessions (created_at, id);
-- Only what can still expire, so that looking costs what is due.
CREATE INDEX idx_review_sessions_expires ON plan_review_sessions (expires_at)
    WHERE state IN ('pending', 'in_review');

CREATE TABLE votes (
    id         UUID        PRIMARY KEY,
    session_id UUID        NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    version    INTEGER     NOT NULL,
    digest     BYTEA       NOT NULL CHECK (length(digest) = 32),
    voter_id   TEXT        NOT NULL,
    voter      JSONB       NOT NULL,
    choice     VARCHAR(20) NOT NULL,
    reason     TEXT        NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (session_id, version, voter_id)
);

CREATE TABLE work_item_approval_statuses (
    id           UUID        PRIMARY KEY,
    session_id   UUID        NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    work_item_id TEXT        NOT NULL,
    state        VARCHAR(20) NOT NULL DEFAULT 'pending',
    approved_by  TEXT,
    decided_at   TIMESTAMPTZ,
    notes        TEXT,
    -- The item's leaf in the digest of the current version.
    digest       BYTEA       NOT NULL CHECK (length(digest) = 32),
    UNIQUE (session_id, work_item_id)
);

CREATE TABLE approval_decisions (
    id                  UUID        PRIMARY KEY,
    session_id          UUID        NOT NULL UNIQUE REFERENCES plan_review_sessions (id),
    outcome             VARCHAR(30) NOT NULL,
    decided_by          TEXT        NOT NULL,
    decided_at          TIMESTAMPTZ NOT NULL,
    reason              TEXT        NOT NULL DEFAULT '',
    approved_work_items JSONB       NOT NULL DEFAULT '[]',
    rejected_work_items JSONB       NOT NULL DEFAULT '[]',
    conditions          JSONB       NOT NULL DEFAULT '[]',
    metadata            JSONB       NOT NULL DEFAULT '{}',
    decided_by_actor    JSONB       NOT NULL,
    version             INTEGER     NOT NULL,
    digest              BYTEA       NOT NULL CHECK (length(digest) = 32),
    approvers           JSONB       NOT NULL DEFAULT '[]',
    -- Of the policy whose requirement was met, or not.
    policy_digest       BYTEA       NOT NULL CHECK (length(policy_digest) = 32)
);

CREATE INDEX idx_decisions_outcome ON approval_decisions (outcome);

CREATE TABLE signing_keys (
    id          UUID        PRIMARY KEY,
    -- Ed25519: seed and public key.
    private_key BYTEA       NOT NULL CHECK (length(private_key) = 32),
    public_key  BYTEA       NOT NULL CHECK (length(public_key) = 32),
    active      BOOLEAN     NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);

-- Replicas that start at the same time all try to make a key; one succeeds.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (active) WHERE active;

CREATE TABLE grants (
    session_id UUID        PRIMARY KEY REFERENCES plan_review_sessions (id),
    id         UUID        NOT NULL UNIQUE,
    key_id     UUID        NOT NULL REFERENCES signing_keys (id),
    token      TEXT        NOT NULL,
    issued_at  TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

-- No reference to the session: the audit outlives it.
CREATE TABLE audit_entries (
    session_id UUID        NOT NULL,
    sequence   BIGINT      NOT NULL,
    id         UUID        NOT NULL UNIQUE,
    action     TEXT        NOT NULL,
    actor      JSONB       NOT NULL,
    request_id TEXT        NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL,
    details    JSONB       NOT NULL,
    digest     BYTEA       NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (session_id, sequence)
);
