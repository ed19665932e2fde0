CREATE TABLE approval_notifications (
    id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
    session_id      BLOB    NOT NULL CHECK (length(session_id) = 16),
    -- Ids of users are texts, given by whoever issues their credentials.
    user_id         TEXT    NOT NULL,
    channel         TEXT    NOT NULL CHECK (channel IN ('in_app', 'webhook')),
    status          TEXT    NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    -- Last attempt.
    sent_at         TEXT,
    delivered_at    TEXT,
    error_message   TEXT,
    -- Attempts after the first.
    retry_count     INTEGER NOT NULL DEFAULT 0,
    created_at      TEXT    NOT NULL,
    -- The fact that it tells of, and its text.
    event_id        BLOB    NOT NULL CHECK (length(event_id) = 16),
    kind            TEXT    NOT NULL,
    title           TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    read_at         TEXT,
    -- Set while it waits for an attempt.
    next_attempt_at TEXT,
    -- Set while a worker attempts it; a worker that dies loses it at this time.
    claimed_until   TEXT,
    UNIQUE (event_id, user_id, channel)
) STRICT;

CREATE INDEX idx_notifications_session ON approval_notifications (session_id, created_at, id);
CREATE INDEX idx_notifications_user ON approval_notifications (user_id, channel, created_at, id);
CREATE INDEX idx_notifications_status ON approval_notifications (status, created_at, id);
CREATE INDEX idx_notifications_age ON approval_notifications (created_at, id);
CREATE INDEX idx_notifications_unread ON approval_notifications (user_id)
    WHERE channel = 'in_app' AND read_at IS NULL;
CREATE INDEX idx_notifications_due ON approval_notifications (next_attempt_at) WHERE status = 'pending';
