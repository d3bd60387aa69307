-- Workspaces keep real and simulated markets apart. data_version grows with every change to what the Panel holds.
CREATE TABLE workspaces (
    id            smallint     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          text         NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_-]{0,30}$'),
    simulated     boolean      NOT NULL,
    data_version  bigint       NOT NULL DEFAULT 0,
    created_at    timestamptz  NOT NULL DEFAULT now()
);

INSERT INTO workspaces (name, simulated) VALUES ('main', false), ('demo', true);

-- From which Session on the bars changed with each data version; NULL where something else did. A Panel of an older
-- version grows by what is newer than its last Session, and is built anew for everything else.
CREATE TABLE workspace_changes (
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    data_version  bigint       NOT NULL,
    since         date,
    PRIMARY KEY (workspace_id, data_version)
);

-- Where data comes from, under which licence, and what must be shown beside it.
CREATE TABLE sources (
    id            smallint     PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          text         NOT NULL UNIQUE,
    licence       text         NOT NULL,
    attribution   text         NOT NULL DEFAULT '',
    created_at    timestamptz  NOT NULL DEFAULT now()
);

INSERT INTO sources (name, licence, attribution) VALUES
    ('file',       'not stated: files you imported; their terms are yours to keep', ''),
    ('simulator',  'Apache-2.0: invented companies and prices',                     'Ralph simulated market');

CREATE TABLE symbols (
    id            integer      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    code          text         NOT NULL CHECK (code ~ '^[A-Z0-9][A-Z0-9.:/_-]{0,19}$'),
    name          text,
    name_en       text,
    market        text,
    kind          text,
    sector        text,
    listed_on     date,
    delisted_on   date,
    updated_at    timestamptz  NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, code)
);

-- One run of an import: what was read and what became of every row.
-- rows_read = stored + updated + unchanged + rejected; flagged counts rows among the first three.
CREATE TABLE import_runs (
    id            bigint       PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    kind          text         NOT NULL CHECK (kind IN ('bars', 'symbols', 'simulated')),
    file_name     text         NOT NULL,
    file_sha256   text         NOT NULL,
    columns       jsonb        NOT NULL DEFAULT '{}',
    adjusted      boolean      NOT NULL,
    rows_read     bigint       NOT NULL,
    stored        bigint       NOT NULL,
    updated       bigint       NOT NULL,
    unchanged     bigint       NOT NULL,
    flagged       bigint       NOT NULL,
    rejected      bigint       NOT NULL,
    started_at    timestamptz  NOT NULL,
    finished_at   timestamptz  NOT NULL DEFAULT now(),
    CHECK (rows_read = stored + updated + unchanged + rejected)
);

-- Rejected rows, with the line of the file (1 is the first line) and why; the first 10,000 of a run.
CREATE TABLE import_rejects (
    run_id        bigint       NOT NULL REFERENCES import_runs ON DELETE CASCADE,
    line          bigint       NOT NULL,
    field         text         NOT NULL,
    value         text         NOT NULL,
    reason        text         NOT NULL,
    PRIMARY KEY (run_id, line, field)
);

-- Bars as their source gave them: prices in won (back-adjusted where adjusted is true), volume in shares, value in won.
-- flags: 1 no trade, 2 high/low do not enclose open/close, 4 jump beyond the limit.
-- The primary key is the only index: BRIN, (session_on, symbol_id) and INCLUDE gave nothing when measured.
CREATE TABLE bars_daily (
    symbol_id     integer           NOT NULL,
    session_on    date              NOT NULL,
    open          double precision  NOT NULL,
    high          double precision  NOT NULL,
    low           double precision  NOT NULL,
    close         double precision  NOT NULL,
    volume        double precision  NOT NULL,
    value         double precision  NOT NULL DEFAULT 'NaN',
    flags         smallint          NOT NULL DEFAULT 0,
    source_id     smallint          NOT NULL,
    adjusted      boolean           NOT NULL,
    PRIMARY KEY (symbol_id, session_on)
) PARTITION BY RANGE (session_on);

CREATE TABLE bars_minute (
    symbol_id     integer           NOT NULL,
    opened_at     timestamptz       NOT NULL,
    open          double precision  NOT NULL,
    high          double precision  NOT NULL,
    low           double precision  NOT NULL,
    close         double precision  NOT NULL,
    volume        double precision  NOT NULL,
    value         double precision  NOT NULL DEFAULT 'NaN',
    flags         smallint          NOT NULL DEFAULT 0,
    source_id     smallint          NOT NULL,
    adjusted      boolean           NOT NULL,
    PRIMARY KEY (symbol_id, opened_at)
) PARTITION BY RANGE (opened_at);

-- What was noticed about a bar, in words a person reads; one row for each flag of a bar.
CREATE TABLE quality_flags (
    symbol_id     integer      NOT NULL,
    session_on    date         NOT NULL,
    flag          smallint     NOT NULL,
    detail        text         NOT NULL,
    run_id        bigint       REFERENCES import_runs ON DELETE SET NULL,
    PRIMARY KEY (symbol_id, session_on, flag)
);

-- A yearly partition of daily bars, made when the first bar of that year arrives. Callers hold no lock: the
-- advisory lock keeps two importers from racing, and lasts until the end of their transaction.
CREATE FUNCTION ensure_daily_partition(year integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass(format('bars_daily_%s', year)) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('ralph.partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS bars_daily_%s PARTITION OF bars_daily FOR VALUES FROM (%L) TO (%L)',
                       year, make_date(year, 1, 1), make_date(year + 1, 1, 1));
    END IF;
END $$;

CREATE FUNCTION ensure_minute_partition(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    begins date := date_trunc('month', month)::date;
BEGIN
    IF to_regclass('bars_minute_' || to_char(begins, 'YYYYMM')) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('ralph.partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS bars_minute_%s PARTITION OF bars_minute FOR VALUES FROM (%L) TO (%L)',
                       to_char(begins, 'YYYYMM'), begins::timestamp AT TIME ZONE 'UTC',
                       (begins + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
END $$;

-- Owner's browser sessions, opened by a one-time link; only a hash of the token is kept.
CREATE TABLE web_sessions (
    token_sha256  bytea        PRIMARY KEY,
    created_at    timestamptz  NOT NULL DEFAULT now(),
    expires_at    timestamptz  NOT NULL
);
