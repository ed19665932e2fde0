ALTER TABLE approval_notifications
    DROP CONSTRAINT approval_notifications_channel_check,
    DROP CONSTRAINT approval_notifications_status_check;
ALTER TABLE approval_notifications
    ADD CONSTRAINT approval_notifications_channel_check
        CHECK (channel IN ('in_app', 'email', 'slack', 'teams', 'webhook')),
    ADD CONSTRAINT approval_notifications_status_check
        CHECK (status IN ('pending', 'delivered', 'failed', 'held', 'merged', 'dropped')),
    -- A digest is about several sessions.
    ALTER COLUMN session_id DROP NOT NULL,
    ADD COLUMN priority    TEXT NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    -- What the messages of the channels are made of.
    ADD COLUMN details     JSONB NOT NULL DEFAULT '{}',
    -- Why it is held.
    ADD COLUMN hold        TEXT CHECK (hold IN ('digest', 'quiet_hours', 'cap', 'window')),
    -- The delivery that carries it.
    ADD COLUMN merged_into UUID,
    -- Attempts of earlier rounds, before somebody asked for another.
    ADD COLUMN earlier_attempts INT NOT NULL DEFAULT 0;

DROP INDEX idx_notifications_due;
CREATE INDEX idx_notifications_due ON approval_notifications (channel, next_attempt_at) WHERE status = 'pending';
CREATE INDEX idx_notifications_held ON approval_notifications (next_attempt_at) WHERE status = 'held';

CREATE TABLE notification_attempts (
    delivery_id UUID        NOT NULL REFERENCES approval_notifications (id) ON DELETE CASCADE,
    attempt     INT         NOT NULL,
    ended_at    TIMESTAMPTZ NOT NULL,
    -- Empty when the channel took it.
    error       TEXT        NOT NULL,
    PRIMARY KEY (delivery_id, attempt)
);

CREATE TABLE notification_preferences (
    user_id    TEXT        PRIMARY KEY,
    body       JSONB       NOT NULL,
    revision   BIGINT      NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- What is to be said at a certain time, if it is still worth saying then.
CREATE TABLE notification_reminders (
    session_id    UUID        NOT NULL,
    kind          TEXT        NOT NULL,
    due_at        TIMESTAMPTZ NOT NULL,
    event_id      UUID        NOT NULL,
    claimed_until TIMESTAMPTZ,
    PRIMARY KEY (session_id, kind)
);

CREATE INDEX idx_reminders_due ON notification_reminders (due_at);
