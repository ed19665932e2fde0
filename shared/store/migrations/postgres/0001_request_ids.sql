CREATE TABLE request_ids (
    actor        TEXT        NOT NULL,
    method       TEXT        NOT NULL,
    request_id   TEXT        NOT NULL,
    request_hash BYTEA       NOT NULL,
    response     BYTEA       NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (actor, method, request_id)
);

CREATE INDEX request_ids_by_age ON request_ids (created_at);
