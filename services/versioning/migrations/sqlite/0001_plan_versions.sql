-- One row per session: its newest version, and whether another may follow. Locked by whoever changes either.
CREATE TABLE plan_heads (
    session_id      BLOB    PRIMARY KEY CHECK (length(session_id) = 16),
    head_version    INTEGER NOT NULL,
    head_digest     BLOB    NOT NULL CHECK (length(head_digest) = 32),
    seal_expires_at TEXT,
    closed          TEXT    CHECK (closed IN ('decided', 'closed')),
    updated_at      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_versions (
    id                 BLOB    PRIMARY KEY CHECK (length(id) = 16),
    session_id         BLOB    NOT NULL REFERENCES plan_heads (session_id) ON DELETE CASCADE,
    version_number     INTEGER NOT NULL,
    plan_json          TEXT    NOT NULL CHECK (json_valid(plan_json)),
    estimate_json      TEXT    NOT NULL CHECK (json_valid(estimate_json)),
    risk_json          TEXT    NOT NULL CHECK (json_valid(risk_json)),
    changes_json       TEXT    NOT NULL CHECK (json_valid(changes_json)),
    change_description TEXT    NOT NULL,
    -- Ids of users are texts, given by whoever issues their credentials; actor_json is the author as he then was.
    modified_by        TEXT    NOT NULL,
    actor_json         TEXT    NOT NULL CHECK (json_valid(actor_json)),
    digest             BLOB    NOT NULL CHECK (length(digest) = 32),
    created_at         TEXT    NOT NULL,
    UNIQUE (session_id, version_number)
) STRICT;
