-- One recording of a Session as a feed brought it. recorded_at: the feed's clock up to which everything is stored;
-- chunks: how many pieces were, so that none is stored twice. is_whole: recorded from the opening to the close.
CREATE TABLE feed_runs (
    no            integer      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    token         text         NOT NULL UNIQUE,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    session_on    date         NOT NULL,
    source        text         NOT NULL,
    chunks        integer      NOT NULL DEFAULT 0,
    ticks         bigint       NOT NULL DEFAULT 0,
    began_at      timestamptz  NOT NULL DEFAULT now(),
    recorded_at   timestamptz,
    ended_at      timestamptz,
    is_whole      boolean      NOT NULL DEFAULT false
);

CREATE INDEX feed_runs_session ON feed_runs (workspace_id, session_on, no);

-- What a recording lacks: between these instants of the feed's clock something may have been sent and is not stored.
CREATE TABLE feed_gaps (
    id            bigint       PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    run_no        integer      NOT NULL REFERENCES feed_runs ON DELETE CASCADE,
    since         timestamptz,
    until         timestamptz,
    reason        text         NOT NULL,
    ticks_lost    bigint,
    noted_at      timestamptz  NOT NULL DEFAULT now()
);

CREATE INDEX feed_gaps_run ON feed_gaps (run_no);

-- Trade prints in the order of their arrival. batch_at: the feed's clock of the batch that brought them.
CREATE TABLE ticks (
    run_no        integer           NOT NULL,
    batch_at      timestamptz       NOT NULL,
    symbol_id     integer           NOT NULL,
    at            timestamptz       NOT NULL,
    number        bigint            NOT NULL,
    price         double precision  NOT NULL,
    size          bigint            NOT NULL
) PARTITION BY RANGE (batch_at);

-- Index values (what: its name) and notices (what: a Symbol; value: its state) of the batches.
CREATE TABLE feed_marks (
    run_no        integer           NOT NULL REFERENCES feed_runs ON DELETE CASCADE,
    batch_at      timestamptz       NOT NULL,
    place         integer           NOT NULL,
    kind          text              NOT NULL CHECK (kind IN ('index', 'notice')),
    what          text              NOT NULL,
    at            timestamptz       NOT NULL,
    value         double precision  NOT NULL,
    PRIMARY KEY (run_no, batch_at, kind, place)
);

-- Steps of Signals as they happened while the market was open; the evening's run writes their history.
CREATE TABLE live_transitions (
    run_no        integer           NOT NULL REFERENCES feed_runs ON DELETE CASCADE,
    place         integer           NOT NULL,
    signal_id     text              NOT NULL,
    session_on    date              NOT NULL,
    state         text              NOT NULL,
    price         double precision  NOT NULL,
    reason        text              NOT NULL,
    at            timestamptz       NOT NULL,
    PRIMARY KEY (run_no, place)
);

CREATE FUNCTION ensure_tick_partition(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    begins date := date_trunc('month', month)::date;
    name   text := 'ticks_' || to_char(begins, 'YYYYMM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('ralph.partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF ticks FOR VALUES FROM (%L) TO (%L)', name,
                       begins::timestamp AT TIME ZONE 'UTC', (begins + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I USING brin (batch_at)', name || '_at', name);
    END IF;
END $$;
