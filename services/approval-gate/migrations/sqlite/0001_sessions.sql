-- Ids of people and of work items are texts here: people are known by what their credential says, and a work
-- item keeps its readable id through all versions.
CREATE TABLE plan_review_sessions (
    id                   BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- The plan.
    decomposition_id     BLOB    NOT NULL CHECK (length(decomposition_id) = 16),
    state                TEXT    NOT NULL DEFAULT 'pending',
    priority             TEXT    NOT NULL DEFAULT 'normal',
    created_at           TEXT    NOT NULL,
    expires_at           TEXT,
    assigned_reviewer    TEXT,
    authorized_approvers TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(authorized_approvers)),
    current_version      INTEGER NOT NULL DEFAULT 1,
    reviewer_message     TEXT    NOT NULL DEFAULT '',
    metadata             TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
    updated_at           TEXT    NOT NULL,
    revision             INTEGER NOT NULL DEFAULT 1,
    goal                 TEXT    NOT NULL,
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    risk_level           TEXT    NOT NULL,
    risk                 TEXT    NOT NULL CHECK (json_valid(risk)),
    step_count           INTEGER NOT NULL,
    requester_id         TEXT    NOT NULL,
    requester            TEXT    NOT NULL CHECK (json_valid(requester)),
    on_behalf_of         TEXT    NOT NULL DEFAULT '',
    mode                 TEXT    NOT NULL,
    options              TEXT    NOT NULL CHECK (json_valid(options)),
    -- The end of the audit chain, so that a chain that was cut off shows.
    audit_sequence       INTEGER NOT NULL,
    audit_head           BLOB    NOT NULL CHECK (length(audit_head) = 32)
) STRICT;

CREATE INDEX idx_review_sessions_state ON plan_review_sessions (state);
CREATE INDEX idx_review_sessions_reviewer ON plan_review_sessions (assigned_reviewer);
CREATE INDEX idx_review_sessions_newest ON plan_review_sessions (created_at, id);
-- Only what can still expire, so that looking costs what is due.
CREATE INDEX idx_review_sessions_expires ON plan_review_sessions (expires_at)
    WHERE state IN ('pending', 'in_review');

CREATE TABLE votes (
    id                   BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id           BLOB    NOT NULL CHECK (length(session_id) = 16) REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    version              INTEGER NOT NULL,
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    voter_id             TEXT    NOT NULL,
    voter                TEXT    NOT NULL CHECK (json_valid(voter)),
    choice               TEXT    NOT NULL,
    reason               TEXT    NOT NULL DEFAULT '',
    created_at           TEXT    NOT NULL,
    UNIQUE (session_id, version, voter_id)
) STRICT;

CREATE TABLE work_item_approval_statuses (
    id                   BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id           BLOB    NOT NULL CHECK (length(session_id) = 16) REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    work_item_id         TEXT    NOT NULL,
    state                TEXT    NOT NULL DEFAULT 'pending',
    approved_by          TEXT,
    decided_at           TEXT,
    notes                TEXT,
    -- The item's leaf in the digest of the current version.
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    UNIQUE (session_id, work_item_id)
) STRICT;

CREATE TABLE approval_decisions (
    id                   BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id           BLOB    NOT NULL UNIQUE CHECK (length(session_id) = 16) REFERENCES plan_review_sessions (id),
    outcome              TEXT    NOT NULL,
    decided_by           TEXT    NOT NULL,
    decided_at           TEXT    NOT NULL,
    reason               TEXT    NOT NULL DEFAULT '',
    approved_work_items  TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(approved_work_items)),
    rejected_work_items  TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(rejected_work_items)),
    conditions           TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(conditions)),
    metadata             TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
    decided_by_actor     TEXT    NOT NULL CHECK (json_valid(decided_by_actor)),
    version              INTEGER NOT NULL,
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    approvers            TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(approvers)),
    -- Of the policy whose requirement was met, or not.
    policy_digest        BLOB    NOT NULL CHECK (length(policy_digest) = 32)
) STRICT;

CREATE INDEX idx_decisions_outcome ON approval_decisions (outcome);

CREATE TABLE signing_keys (
    id                   BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- Ed25519: seed and public key.
    private_key          BLOB    NOT NULL CHECK (length(private_key) = 32),
    public_key           BLOB    NOT NULL CHECK (length(public_key) = 32),
    active               INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_at           TEXT    NOT NULL
) STRICT;

-- Replicas that start at the same time all try to make a key; one succeeds.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (active) WHERE active;

CREATE TABLE grants (
    session_id           BLOB    NOT NULL PRIMARY KEY CHECK (length(session_id) = 16) REFERENCES plan_review_sessions (id),
    id                   BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    key_id               BLOB    NOT NULL CHECK (length(key_id) = 16) REFERENCES signing_keys (id),
    token                TEXT    NOT NULL,
    issued_at            TEXT    NOT NULL,
    expires_at           TEXT    NOT NULL
) STRICT;

-- No reference to the session: the audit outlives it.
CREATE TABLE audit_entries (
    session_id           BLOB    NOT NULL CHECK (length(session_id) = 16),
    sequence             INTEGER NOT NULL,
    id                   BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    action               TEXT    NOT NULL,
    actor                TEXT    NOT NULL CHECK (json_valid(actor)),
    request_id           TEXT    NOT NULL DEFAULT '',
    created_at           TEXT    NOT NULL,
    details              TEXT    NOT NULL CHECK (json_valid(details)),
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (session_id, sequence)
) STRICT;
