-- When a grant was taken back, by whom and why.
ALTER TABLE grants ADD COLUMN revoked_at TEXT;
ALTER TABLE grants ADD COLUMN revoked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN revoke_reason TEXT NOT NULL DEFAULT '';

-- When the clock looks at the session; nothing once there is nothing to do.
ALTER TABLE plan_review_sessions ADD COLUMN wake_at TEXT;
ALTER TABLE plan_review_sessions ADD COLUMN escalation_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan_review_sessions ADD COLUMN reminders_sent INTEGER NOT NULL DEFAULT 0;
-- Since when the time to decide is over, where the session waits nevertheless.
ALTER TABLE plan_review_sessions ADD COLUMN overdue_since TEXT;
-- The last change that the planner was asked for, and when it is asked next.
ALTER TABLE plan_review_sessions ADD COLUMN modification TEXT CHECK (json_valid(modification));
ALTER TABLE plan_review_sessions ADD COLUMN revise_at TEXT;

UPDATE plan_review_sessions SET wake_at = expires_at WHERE state IN ('pending', 'in_review');

DROP INDEX idx_review_sessions_expires;
CREATE INDEX idx_review_sessions_expires ON plan_review_sessions (expires_at, id) WHERE expires_at IS NOT NULL;
-- Only what is still to come, so that looking costs what is due.
CREATE INDEX idx_review_sessions_wake ON plan_review_sessions (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX idx_review_sessions_revise ON plan_review_sessions (revise_at) WHERE revise_at IS NOT NULL;

-- The items that a vote approves; NULL for all.
ALTER TABLE votes ADD COLUMN items TEXT CHECK (json_valid(items));
ALTER TABLE votes ADD COLUMN conditions TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(conditions));
ALTER TABLE dismissed_votes ADD COLUMN items TEXT CHECK (json_valid(items));
ALTER TABLE dismissed_votes ADD COLUMN conditions TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(conditions));

-- When another key took its place.
ALTER TABLE signing_keys ADD COLUMN retired_at TEXT;
-- The seed, encrypted: 12 bytes of nonce, then 48 of AES-256-GCM. Then private_key holds zeros.
ALTER TABLE signing_keys ADD COLUMN sealed_key BLOB CHECK (length(sealed_key) = 60);

-- Which keys may still be needed.
CREATE INDEX idx_grants_key ON grants (key_id, expires_at);
