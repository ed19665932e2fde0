CREATE TABLE request_ids (
    actor        TEXT NOT NULL,
    method       TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    response     BLOB NOT NULL,
    created_at   TEXT NOT NULL,
    PRIMARY KEY (actor, method, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX request_ids_by_age ON request_ids (created_at);
