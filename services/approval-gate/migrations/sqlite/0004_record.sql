-- What was said.
CREATE TABLE plan_comments (
    id                   BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id           BLOB    NOT NULL CHECK (length(session_id) = 16) REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    -- The first comment of the thread; NULL for that itself.
    parent_comment_id    BLOB    REFERENCES plan_comments (id) ON DELETE CASCADE,
    author_id            TEXT    NOT NULL,
    author               TEXT    NOT NULL CHECK (json_valid(author)),
    content              TEXT    NOT NULL,
    scope                TEXT    NOT NULL DEFAULT 'plan',
    target_work_item_id  TEXT    NOT NULL DEFAULT '',
    target_edge_to       TEXT    NOT NULL DEFAULT '',
    comment_type         TEXT    NOT NULL DEFAULT 'general',
    version              INTEGER NOT NULL,
    -- Of the target in that version.
    anchor_digest        BLOB    NOT NULL CHECK (length(anchor_digest) = 32),
    is_stale             INTEGER NOT NULL DEFAULT 0 CHECK (is_stale IN (0, 1)),
    is_resolved          INTEGER NOT NULL DEFAULT 0 CHECK (is_resolved IN (0, 1)),
    resolution           TEXT,
    resolved_at          TEXT,
    resolved_by          TEXT    CHECK (resolved_by IS NULL OR json_valid(resolved_by)),
    deleted_at           TEXT,
    hide_reason          TEXT,
    hidden_at            TEXT,
    hidden_by            TEXT    CHECK (hidden_by IS NULL OR json_valid(hidden_by)),
    created_at           TEXT    NOT NULL,
    modified_at          TEXT
) STRICT;

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
    comment_id           BLOB    NOT NULL CHECK (length(comment_id) = 16) REFERENCES plan_comments (id) ON DELETE CASCADE,
    number               INTEGER NOT NULL,
    content              TEXT    NOT NULL,
    replaced_at          TEXT    NOT NULL,
    PRIMARY KEY (comment_id, number)
) STRICT;

ALTER TABLE audit_entries ADD COLUMN trace_id TEXT NOT NULL DEFAULT '';
-- Place in the log over all chains; NULL until the log has taken the entry in.
ALTER TABLE audit_entries ADD COLUMN position INTEGER;
CREATE INDEX idx_audit_waiting ON audit_entries (created_at, session_id, sequence) WHERE position IS NULL;
CREATE UNIQUE INDEX idx_audit_position ON audit_entries (position) WHERE position IS NOT NULL;
-- One row for each session that has an audit.
CREATE INDEX idx_audit_first ON audit_entries (session_id) WHERE sequence = 1;

-- The log: roots of its perfect subtrees, leaves included. Never changed; outlives the entries.
CREATE TABLE audit_log_nodes (
    level                INTEGER NOT NULL,
    number               INTEGER NOT NULL,
    digest               BLOB    NOT NULL CHECK (length(digest) = 32),
    -- Of a leaf: whose entry it is.
    session_id           BLOB    CHECK (session_id IS NULL OR length(session_id) = 16),
    PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_audit_log_session ON audit_log_nodes (session_id) WHERE session_id IS NOT NULL;

-- Its size; whoever holds this row extends it.
CREATE TABLE audit_log (
    id                   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    size                 INTEGER NOT NULL
) STRICT;
INSERT INTO audit_log (id, size) VALUES (1, 0);

-- Its signed heads.
CREATE TABLE audit_tree_heads (
    tree_size            INTEGER NOT NULL PRIMARY KEY,
    root_digest          BLOB    NOT NULL CHECK (length(root_digest) = 32),
    token                TEXT    NOT NULL,
    signed_at            TEXT    NOT NULL
) STRICT;
