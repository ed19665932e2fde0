CREATE TABLE events (
    -- Taken when the row is written, so seen in another order than taken: never a cursor.
    seq         BIGINT      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          UUID        NOT NULL UNIQUE,
    -- Given by the relay after commit; dense.
    position    BIGINT      UNIQUE,
    session_id  UUID,
    type        TEXT        NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    actor       JSONB       NOT NULL,
    traceparent TEXT,
    payload     BYTEA       NOT NULL
);

CREATE INDEX events_unnumbered ON events (seq) WHERE position IS NULL;
CREATE INDEX events_by_session ON events (session_id, position);

CREATE TABLE event_relay (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position BIGINT  NOT NULL
);

INSERT INTO event_relay (id, position) VALUES (1, 0);

CREATE TABLE consumer_cursors (
    consumer TEXT   PRIMARY KEY,
    position BIGINT NOT NULL
);
