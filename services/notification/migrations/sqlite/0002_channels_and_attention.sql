-- SQLite cannot change a constraint, so the table is made anew.
CREATE TABLE notifications_new (
    id              BLOB    PRIMARY KEY CHECK (length(id) = 16),
    -- A digest is about several sessions.
    session_id      BLOB    CHECK (session_id IS NULL OR length(session_id) = 16),
    user_id         TEXT    NOT NULL,
    channel         TEXT    NOT NULL CHECK (channel IN ('in_app', 'email', 'slack', 'teams', 'webhook')),
    status          TEXT    NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'delivered', 'failed', 'held', 'merged', 'dropped')),
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
    -- Set while it waits for an attempt, or for its release.
    next_attempt_at TEXT,
    -- Set while a worker attempts it; a worker that dies loses it at this time.
    claimed_until   TEXT,
    priority        TEXT    NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    -- What the messages of the channels are made of.
    details         TEXT    NOT NULL DEFAULT '{}',
    -- Why it is held.
    hold            TEXT    CHECK (hold IN ('digest', 'quiet_hours', 'cap', 'window')),
    -- The delivery that carries it.
    merged_into     BLOB,
    -- Attempts of earlier rounds, before somebody asked for another.
    earlier_attempts INTEGER NOT NULL DEFAULT 0,
    UNIQUE (event_id, user_id, channel)
) STRICT;

INSERT INTO notifications_new (id, session_id, user_id, channel, status, sent_at, delivered_at, error_message,
    retry_count, created_at, event_id, kind, title, body, read_at, next_attempt_at, claimed_until)
SELECT id, session_id, user_id, channel, status, sent_at, delivered_at, error_message,
    retry_count, created_at, event_id, kind, title, body, read_at, next_attempt_at, claimed_until
FROM approval_notifications;

DROP TABLE approval_notifications;
ALTER TABLE notifications_new RENAME TO approval_notifications;

CREATE INDEX idx_notifications_session ON approval_notifications (session_id, created_at, id);
CREATE INDEX idx_notifications_user ON approval_notifications (user_id, channel, created_at, id);
CREATE INDEX idx_notifications_status ON approval_notifications (status, created_at, id);
CREATE INDEX idx_notifications_age ON approval_notifications (created_at, id);
CREATE INDEX idx_notifications_unread ON approval_notifications (user_id)
    WHERE channel = 'in_app' AND read_at IS NULL;
CREATE INDEX idx_notifications_due ON approval_notifications (channel, next_attempt_at) WHERE status = 'pending';
CREATE INDEX idx_notifications_held ON approval_notifications (next_attempt_at) WHERE status = 'held';

CREATE TABLE notification_attempts (
    delivery_id BLOB    NOT NULL REFERENCES approval_notifications (id) ON DELETE CASCADE,
    attempt     INTEGER NOT NULL,
    ended_at    TEXT    NOT NULL,
    -- Empty when the channel took it.
    error       TEXT    NOT NULL,
    PRIMARY KEY (delivery_id, attempt)
) STRICT;

CREATE TABLE notification_preferences (
    user_id    TEXT    PRIMARY KEY,
    body       TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    updated_at TEXT    NOT NULL
) STRICT;

-- What is to be said at a certain time, if it is still worth saying then.
CREATE TABLE notification_reminders (
    session_id    BLOB NOT NULL,
    kind          TEXT NOT NULL,
    due_at        TEXT NOT NULL,
    event_id      BLOB NOT NULL,
    claimed_until TEXT,
    PRIMARY KEY (session_id, kind)
) STRICT;

CREATE INDEX idx_reminders_due ON notification_reminders (due_at);
