-- What finished runs took, the newest of each tool and agent type.
CREATE TABLE run_samples (
    run_id      BLOB    PRIMARY KEY CHECK (length(run_id) = 16),
    tool        TEXT    NOT NULL,
    agent_type  TEXT    NOT NULL,
    cost_micros INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    ended_at    TEXT    NOT NULL
) STRICT;

CREATE INDEX run_samples_newest ON run_samples (tool, agent_type, ended_at DESC, run_id DESC);

-- What follows from them; one row is read where estimates would otherwise read hundreds.
CREATE TABLE calibrations (
    tool       TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    measured   TEXT NOT NULL CHECK (json_valid(measured)),
    updated_at TEXT NOT NULL,
    PRIMARY KEY (tool, agent_type)
) STRICT;

-- What a language model took to make or revise a plan.
CREATE TABLE plan_makings (
    plan_id     BLOB    PRIMARY KEY CHECK (length(plan_id) = 16),
    tokens      INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    made_at     TEXT    NOT NULL
) STRICT;

CREATE INDEX plan_makings_oldest ON plan_makings (made_at);
