-- What finished runs took, the newest of each tool and agent type.
CREATE TABLE run_samples (
    run_id      UUID        PRIMARY KEY,
    tool        TEXT        NOT NULL,
    agent_type  TEXT        NOT NULL,
    cost_micros BIGINT      NOT NULL,
    duration_ms BIGINT      NOT NULL,
    ended_at    TIMESTAMPTZ NOT NULL
);

CREATE INDEX run_samples_newest ON run_samples (tool, agent_type, ended_at DESC, run_id DESC);

-- What follows from them; one row is read where estimates would otherwise read hundreds.
CREATE TABLE calibrations (
    tool       TEXT        NOT NULL,
    agent_type TEXT        NOT NULL,
    measured   JSONB       NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tool, agent_type)
);

-- What a language model took to make or revise a plan.
CREATE TABLE plan_makings (
    plan_id     UUID        PRIMARY KEY,
    tokens      BIGINT      NOT NULL,
    cost_micros BIGINT      NOT NULL,
    made_at     TIMESTAMPTZ NOT NULL
);

CREATE INDEX plan_makings_oldest ON plan_makings (made_at);
