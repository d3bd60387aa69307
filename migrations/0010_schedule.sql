-- What runs by itself. What a schedule does, and when, is said by settings and saved screens; here is what must outlive
-- a restart. Ticks up to `since` are over: begun, missed for good, or from before the schedule was as it is.
CREATE TABLE schedules (
    name       text         PRIMARY KEY,
    text       text         NOT NULL,  -- when it runs, as it was last seen
    since      timestamptz  NOT NULL DEFAULT now(),
    paused_at  timestamptz
);

-- A tick is begun once, whoever notices it: its row and its job are one transaction.
CREATE TABLE schedule_ticks (
    schedule  text         NOT NULL REFERENCES schedules ON DELETE CASCADE,
    tick      timestamptz  NOT NULL,
    by_hand   boolean      NOT NULL DEFAULT false,
    job_id    bigint       REFERENCES jobs ON DELETE SET NULL,
    begun_at  timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule, tick)
);
CREATE INDEX schedule_ticks_job ON schedule_ticks (job_id);  -- asked when jobs are removed
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
