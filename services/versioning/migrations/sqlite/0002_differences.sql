CREATE TABLE plan_versions_new (
    id                 BLOB    PRIMARY KEY CHECK (length(id) = 16),
    session_id         BLOB    NOT NULL REFERENCES plan_heads (session_id) ON DELETE CASCADE,
    version_number     INTEGER NOT NULL,
    -- A version is kept whole (plan_json) or as what changed since the version before (changes_json); then estimate
    -- and risk may be kept as differences, too.
    plan_json          TEXT    CHECK (json_valid(plan_json)),
    estimate_json      TEXT    NOT NULL CHECK (json_valid(estimate_json)),
    risk_json          TEXT    NOT NULL CHECK (json_valid(risk_json)),
    changes_json       TEXT    NOT NULL CHECK (json_valid(changes_json)),
    change_description TEXT    NOT NULL,
    -- Ids of users are texts, given by whoever issues their credentials; actor_json is the author as he then was.
    modified_by        TEXT    NOT NULL,
    actor_json         TEXT    NOT NULL CHECK (json_valid(actor_json)),
    digest             BLOB    NOT NULL CHECK (length(digest) = 32),
    created_at         TEXT    NOT NULL,
    -- Of everything that the plan says; none for versions that were made before this column.
    content_digest     BLOB    CHECK (length(content_digest) = 32),
    -- Of everything else about the version.
    record_digest      BLOB    CHECK (length(record_digest) = 32),
    -- When it was first voted on or sealed for a decision; such a version is never removed.
    pinned_at          TEXT,
    UNIQUE (session_id, version_number)
) STRICT;

INSERT INTO plan_versions_new (id, session_id, version_number, plan_json, estimate_json, risk_json, changes_json,
    change_description, modified_by, actor_json, digest, created_at)
SELECT id, session_id, version_number, plan_json, estimate_json, risk_json, changes_json,
    change_description, modified_by, actor_json, digest, created_at
FROM plan_versions;

DROP TABLE plan_versions;
ALTER TABLE plan_versions_new RENAME TO plan_versions;

-- A version that was found damaged and could not be rebuilt.
ALTER TABLE plan_heads ADD COLUMN corrupted_version INTEGER;

CREATE INDEX idx_plan_versions_prunable ON plan_versions (created_at) WHERE pinned_at IS NULL;
