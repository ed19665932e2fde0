-- What the directory adds to what credentials say.
CREATE TABLE users (
    -- The id in lower case: one person, one entry, however the id is spelled.
    person      TEXT    NOT NULL PRIMARY KEY,
    entry       TEXT    NOT NULL,
    -- Of the file's entry that this one came from, so that a change there is told from a change here.
    file_digest BLOB,
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    updated_at  TEXT NOT NULL
) STRICT;

CREATE TABLE delegations (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    delegator        TEXT        NOT NULL,
    delegator_person TEXT        NOT NULL,
    delegate         TEXT        NOT NULL,
    delegate_person  TEXT        NOT NULL,
    starts_at        TEXT NOT NULL,
    ends_at          TEXT NOT NULL,
    reason           TEXT        NOT NULL DEFAULT '',
    created_by       TEXT        NOT NULL,
    created_at       TEXT NOT NULL,
    revoked_by       TEXT,
    revoked_at       TEXT
) STRICT;

CREATE INDEX idx_delegations_delegator ON delegations (delegator_person, ends_at);
CREATE INDEX idx_delegations_delegate ON delegations (delegate_person, ends_at);
CREATE INDEX idx_delegations_newest ON delegations (created_at, id);

-- Ends of audit chains that belong to no session.
CREATE TABLE audit_chains (
    session_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(session_id) = 16),
    audit_sequence INTEGER NOT NULL,
    audit_head     BLOB  NOT NULL CHECK (length(audit_head) = 32)
) STRICT;

-- Whose voice a vote is: that of the voter, or of somebody who delegated.
ALTER TABLE votes ADD COLUMN seat TEXT;
ALTER TABLE votes ADD COLUMN delegation_id BLOB;
-- The version that it was given on, where it was carried over to a newer one.
ALTER TABLE votes ADD COLUMN given_on INTEGER;

-- Votes that do not count any more, since when, because of which version, and why.
CREATE TABLE dismissed_votes (
    vote_id           BLOB NOT NULL PRIMARY KEY CHECK (length(vote_id) = 16),
    session_id        BLOB NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    version           INTEGER NOT NULL,
    digest            BLOB NOT NULL CHECK (length(digest) = 32),
    voter             TEXT NOT NULL,
    seat              TEXT,
    delegation_id     BLOB,
    given_on          INTEGER,
    choice            TEXT NOT NULL,
    reason            TEXT NOT NULL,
    created_at        TEXT NOT NULL,
    dismissed_at      TEXT NOT NULL,
    dismissed_for     INTEGER NOT NULL,
    dismissed_because TEXT NOT NULL,
    explanation       TEXT NOT NULL
) STRICT;

CREATE INDEX idx_dismissed_votes_session ON dismissed_votes (session_id, dismissed_at);

-- Upper end of the current version's estimate, in millionths of a dollar; none without an estimate.
ALTER TABLE plan_review_sessions ADD COLUMN cost_high INTEGER;
-- The session that was ended by breaking the glass, of which this one is the review afterwards.
ALTER TABLE plan_review_sessions ADD COLUMN after_review_of BLOB;

-- Whether an admin decided alone.
ALTER TABLE approval_decisions ADD COLUMN break_glass INTEGER NOT NULL DEFAULT 0 CHECK (break_glass IN (0, 1));

-- What an open session waits for, by whom it could be given: `role:lead`, `group:security`, `tag:oncall`, `user:ada`.
CREATE TABLE open_requirements (
    voters     TEXT        NOT NULL,
    created_at TEXT NOT NULL,
    session_id BLOB        NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    PRIMARY KEY (voters, created_at, session_id)
) STRICT;

CREATE INDEX idx_open_requirements_session ON open_requirements (session_id);

-- Who cannot give it: the people behind the plan, and those who have voted.
CREATE TABLE open_exclusions (
    session_id BLOB NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    person     TEXT NOT NULL,
    PRIMARY KEY (session_id, person)
) STRICT;

-- Who made the versions of a session.
CREATE TABLE session_authors (
    session_id BLOB    NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    author     TEXT    NOT NULL,
    PRIMARY KEY (session_id, version)
) STRICT;
