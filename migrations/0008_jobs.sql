-- Work that outlives the request that asked for it. A job is a row before anything else knows of it.
-- attempt counts the times it was taken, and fences: whoever holds an older one can no longer write.
-- handovers are attempts given back by a worker that stopped in order; they do not count against the limit.
CREATE TABLE jobs (
    id                bigint       PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind              text         NOT NULL,
    args              jsonb        NOT NULL,
    owner             text         NOT NULL,
    queue             text         NOT NULL CHECK (queue IN ('fast', 'long')),
    priority          smallint     NOT NULL,
    key               text,
    trace_id          text,
    state             text         NOT NULL DEFAULT 'queued'
                                   CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'dead')),
    attempt           integer      NOT NULL DEFAULT 0,
    handovers         integer      NOT NULL DEFAULT 0,
    worker            text,
    lease_until       timestamptz,
    run_after         timestamptz  NOT NULL DEFAULT now(),
    cancel_requested  boolean      NOT NULL DEFAULT false,
    progress          jsonb,
    checkpoint        jsonb,
    result            jsonb,
    error             jsonb,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    started_at        timestamptz,
    finished_at       timestamptz,
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL))
) WITH (fillfactor = 70);  -- progress and leases are written in place

-- An owner's key names one job for ever: asked again, the answer is the same job.
CREATE UNIQUE INDEX jobs_key ON jobs (owner, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_next ON jobs (queue, priority DESC, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (state, id) WHERE state NOT IN ('queued', 'running');
