-- What was said.
CREATE TABLE plan_comments (
    id                   UUID        PRIMARY KEY,
    session_id           UUID        NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    -- The first comment of the thread; NULL for that itself.
    parent_comment_id    UUID        REFERENCES plan_comments (id) ON DELETE CASCADE,
    author_id            TEXT        NOT NULL,
    author               JSONB       NOT NULL,
    content              TEXT        NOT NULL,
    scope                TEXT        NOT NULL DEFAULT 'plan',
    target_work_item_id  TEXT        NOT NULL DEFAULT '',
    target_edge_to       TEXT        NOT NULL DEFAULT '',
    comment_type         TEXT        NOT NULL DEFAULT 'general',
    version              INTEGER     NOT NULL,
    -- Of the target in that version.
    anchor_digest        BYTEA       NOT NULL CHECK (length(anchor_digest) = 32),
    is_stale             BOOLEAN     NOT NULL DEFAULT FALSE,
    is_resolved          BOOLEAN     NOT NULL DEFAULT FALSE,
    resolution           TEXT,
    resolved_at          TIMESTAMPTZ,
    resolved_by          JSONB,
    deleted_at           TIMESTAMPTZ,
    hide_reason          TEXT,
    hidden_at            TIMESTAMPTZ,
    hidden_by            JSONB,
    created_at           TIMESTAMPTZ NOT NULL,
    modified_at          TIMESTAMPTZ
);

CREATE INDEX idx_comments_session ON plan_comments (session_id, created_at, id);
CREATE INDEX idx_comments_parent ON plan_comments (parent_comment_id);
-- How much somebody wrote lately.
CREATE INDEX idx_comments_author ON plan_comments (author_id, created_at);
CREATE INDEX idx_comments_edited ON plan_comments (author_id, modified_at) WHERE modified_at IS NOT NULL;
-- What holds up an approval where the policy says so.
CREATE INDEX idx_comments_concerns ON plan_comments (session_id)
    WHERE comment_type = 'concern' AND NOT is_resolved AND deleted_at IS NULL AND parent_comment_id IS NULL;

-- What comments said before they were edited.
CREATE TABLE plan_comment_revisions (
    comment_id           UUID        NOT NULL REFERENCES plan_comments (id) ON DELETE CASCADE,
    number               BIGINT      NOT NULL,
    content              TEXT        NOT NULL,
    replaced_at          TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (comment_id, number)
);

ALTER TABLE audit_entries ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
-- Place in the log over all chains; NULL until the log has taken the entry in.
ALTER TABLE audit_entries ADD COLUMN position BIGINT;
CREATE INDEX idx_audit_waiting ON audit_entries (created_at, session_id, sequence) WHERE position IS NULL;
CREATE UNIQUE INDEX idx_audit_position ON audit_entries (position) WHERE position IS NOT NULL;
-- One row for each session that has an audit.
CREATE INDEX idx_audit_first ON audit_entries (session_id) WHERE sequence = 1;

-- The log: roots of its perfect subtrees, leaves included. Never changed; outlives the entries.
CREATE TABLE audit_log_nodes (
    level                INTEGER     NOT NULL,
    number               BIGINT      NOT NULL,
    digest               BYTEA       NOT NULL CHECK (length(digest) = 32),
    -- Of a leaf: whose entry it is.
    session_id           UUID,
    PRIMARY KEY (level, number)
);
CREATE INDEX idx_audit_log_session ON audit_log_nodes (session_id) WHERE session_id IS NOT NULL;

-- Its size; whoever holds this row extends it.
CREATE TABLE audit_log (
    id                   INTEGER     NOT NULL PRIMARY KEY CHECK (id = 1),
    size                 BIGINT      NOT NULL
);
INSERT INTO audit_log (id, size) VALUES (1, 0);

-- Its signed heads.
CREATE TABLE audit_tree_heads (
    tree_size            BIGINT      NOT NULL PRIMARY KEY,
    root_digest          BYTEA       NOT NULL CHECK (length(root_digest) = 32),
    token                TEXT        NOT NULL,
    signed_at            TIMESTAMPTZ NOT NULL
);
