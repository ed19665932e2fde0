-- One row per session: its newest version, and whether another may follow. Locked by whoever changes either.
CREATE TABLE plan_heads (
    session_id      UUID        PRIMARY KEY,
    head_version    INT         NOT NULL,
    head_digest     BYTEA       NOT NULL CHECK (octet_length(head_digest) = 32),
    seal_expires_at TIMESTAMPTZ,
    closed          TEXT        CHECK (closed IN ('decided', 'closed')),
    updated_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE plan_versions (
    id                 UUID        PRIMARY KEY,
    session_id         UUID        NOT NULL REFERENCES plan_heads (session_id) ON DELETE CASCADE,
    version_number     INT         NOT NULL,
    plan_json          JSONB       NOT NULL,
    estimate_json      JSONB       NOT NULL,
    risk_json          JSONB       NOT NULL,
    changes_json       JSONB       NOT NULL,
    change_description TEXT        NOT NULL,
    -- Ids of users are texts, given by whoever issues their credentials; actor_json is the author as he then was.
    modified_by        TEXT        NOT NULL,
    actor_json         JSONB       NOT NULL,
    digest             BYTEA       NOT NULL CHECK (octet_length(digest) = 32),
    created_at         TIMESTAMPTZ NOT NULL,
    UNIQUE (session_id, version_number)
);
