-- When a grant was taken back, by whom and why.
ALTER TABLE grants
    ADD COLUMN revoked_at    TIMESTAMPTZ,
    ADD COLUMN revoked_by    TEXT NOT NULL DEFAULT '',
    ADD COLUMN revoke_reason TEXT NOT NULL DEFAULT '';

ALTER TABLE plan_review_sessions
    -- When the clock looks at the session; nothing once there is nothing to do.
    ADD COLUMN wake_at         TIMESTAMPTZ,
    ADD COLUMN escalation_step INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN reminders_sent  INTEGER NOT NULL DEFAULT 0,
    -- Since when the time to decide is over, where the session waits nevertheless.
    ADD COLUMN overdue_since   TIMESTAMPTZ,
    -- The last change that the planner was asked for, and when it is asked next.
    ADD COLUMN modification    JSONB,
    ADD COLUMN revise_at       TIMESTAMPTZ;

UPDATE plan_review_sessions SET wake_at = expires_at WHERE state IN ('pending', 'in_review');

DROP INDEX idx_review_sessions_expires;
CREATE INDEX idx_review_sessions_expires ON plan_review_sessions (expires_at, id) WHERE expires_at IS NOT NULL;
-- Only what is still to come, so that looking costs what is due.
CREATE INDEX idx_review_sessions_wake ON plan_review_sessions (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX idx_review_sessions_revise ON plan_review_sessions (revise_at) WHERE revise_at IS NOT NULL;

ALTER TABLE votes
    -- The items that a vote approves; NULL for all.
    ADD COLUMN items      JSONB,
    ADD COLUMN conditions JSONB NOT NULL DEFAULT '[]';
ALTER TABLE dismissed_votes
    ADD COLUMN items      JSONB,
    ADD COLUMN conditions JSONB NOT NULL DEFAULT '[]';

ALTER TABLE signing_keys
    -- When another key took its place.
    ADD COLUMN retired_at TIMESTAMPTZ,
    -- The seed, encrypted: 12 bytes of nonce, then 48 of AES-256-GCM. Then private_key holds zeros.
    ADD COLUMN sealed_key BYTEA CHECK (length(sealed_key) = 60);

-- Which keys may still be needed.
CREATE INDEX idx_grants_key ON grants (key_id, expires_at);
