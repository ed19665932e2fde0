-- What the directory adds to what credentials say.
CREATE TABLE users (
    -- The id in lower case: one person, one entry, however the id is spelled.
    person      TEXT        PRIMARY KEY,
    entry       JSONB       NOT NULL,
    -- Of the file's entry that this one came from, so that a change there is told from a change here.
    file_digest BYTEA,
    deleted     BOOLEAN     NOT NULL DEFAULT FALSE,
    updated_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE delegations (
    id               UUID        PRIMARY KEY,
    delegator        TEXT        NOT NULL,
    delegator_person TEXT        NOT NULL,
    delegate         TEXT        NOT NULL,
    delegate_person  TEXT        NOT NULL,
    starts_at        TIMESTAMPTZ NOT NULL,
    ends_at          TIMESTAMPTZ NOT NULL,
    reason           TEXT        NOT NULL DEFAULT '',
    created_by       TEXT        NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    revoked_by       TEXT,
    revoked_at       TIMESTAMPTZ
);

CREATE INDEX idx_delegations_delegator ON delegations (delegator_person, ends_at);
CREATE INDEX idx_delegations_delegate ON delegations (delegate_person, ends_at);
CREATE INDEX idx_delegations_newest ON delegations (created_at, id);

-- Ends of audit chains that belong to no session.
CREATE TABLE audit_chains (
    session_id     UUID   PRIMARY KEY,
    audit_sequence BIGINT NOT NULL,
    audit_head     BYTEA  NOT NULL CHECK (length(audit_head) = 32)
);

-- Whose voice a vote is: that of the voter, or of somebody who delegated.
ALTER TABLE votes ADD COLUMN seat JSONB;
ALTER TABLE votes ADD COLUMN delegation_id UUID;
-- The version that it was given on, where it was carried over to a newer one.
ALTER TABLE votes ADD COLUMN given_on INTEGER;

-- Votes that do not count any more, since when, because of which version, and why.
CREATE TABLE dismissed_votes (
    vote_id           UUID        PRIMARY KEY,
    session_id        UUID NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    version           INTEGER NOT NULL,
    digest            BYTEA NOT NULL CHECK (length(digest) = 32),
    voter             JSONB NOT NULL,
    seat              JSONB,
    delegation_id     UUID,
    given_on          INTEGER,
    choice            TEXT NOT NULL,
    reason            TEXT NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    dismissed_at      TIMESTAMPTZ NOT NULL,
    dismissed_for     INTEGER NOT NULL,
    dismissed_because TEXT NOT NULL,
    explanation       TEXT NOT NULL
);

CREATE INDEX idx_dismissed_votes_session ON dismissed_votes (session_id, dismissed_at);

-- Upper end of the current version's estimate, in millionths of a dollar; none without an estimate.
ALTER TABLE plan_review_sessions ADD COLUMN cost_high BIGINT;
-- The session that was ended by breaking the glass, of which this one is the review afterwards.
ALTER TABLE plan_review_sessions ADD COLUMN after_review_of UUID;

-- Whether an admin decided alone.
ALTER TABLE approval_decisions ADD COLUMN break_glass BOOLEAN NOT NULL DEFAULT FALSE;

-- What an open session waits for, by whom it could be given: `role:lead`, `group:security`, `tag:oncall`, `user:ada`.
CREATE TABLE open_requirements (
    voters     TEXT        NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    session_id UUID        NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    PRIMARY KEY (voters, created_at, session_id)
);

CREATE INDEX idx_open_requirements_session ON open_requirements (session_id);

-- Who cannot give it: the people behind the plan, and those who have voted.
CREATE TABLE open_exclusions (
    session_id UUID NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    person     TEXT NOT NULL,
    PRIMARY KEY (session_id, person)
);

-- Who made the versions of a session.
CREATE TABLE session_authors (
    session_id UUID    NOT NULL REFERENCES plan_review_sessions (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    author     TEXT    NOT NULL,
    PRIMARY KEY (session_id, version)
);
