-- Contents that workers have sent with attempts that are under way; artifacts once the attempt has succeeded.
CREATE TABLE work_files (
    key        TEXT   NOT NULL REFERENCES work (key) ON DELETE CASCADE,
    path       TEXT   NOT NULL,
    media_type TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    digest     BYTEA  NOT NULL,
    PRIMARY KEY (key, path)
);
