CREATE TABLE events (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    -- Given by the relay after commit; dense.
    position    INTEGER UNIQUE,
    session_id  BLOB    CHECK (length(session_id) = 16),
    type        TEXT    NOT NULL,
    occurred_at TEXT    NOT NULL,
    actor       TEXT    NOT NULL CHECK (json_valid(actor)),
    traceparent TEXT,
    payload     BLOB    NOT NULL
) STRICT;

CREATE INDEX events_unnumbered ON events (seq) WHERE position IS NULL;
CREATE INDEX events_by_session ON events (session_id, position);

CREATE TABLE event_relay (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
) STRICT;

INSERT INTO event_relay (id, position) VALUES (1, 0);

CREATE TABLE consumer_cursors (
    consumer TEXT    PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
