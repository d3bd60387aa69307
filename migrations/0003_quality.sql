-- One quality run over the bars of a workspace: what was looked at, and how many findings of each kind there are.
-- kept is how many of them are stored; the rest, if any, are the mildest.
CREATE TABLE quality_runs (
    id            bigint            PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint          NOT NULL REFERENCES workspaces,
    data_version  bigint            NOT NULL,
    bars          bigint            NOT NULL,
    symbols       integer           NOT NULL,
    sessions      integer           NOT NULL,
    first_on      date,
    last_on       date,
    is_exchange   boolean           NOT NULL,
    counts        jsonb             NOT NULL,
    worst         jsonb             NOT NULL,
    findings      integer           NOT NULL,
    kept          integer           NOT NULL,
    started_at    timestamptz       NOT NULL,
    finished_at   timestamptz       NOT NULL,
    took_ms       double precision  NOT NULL
);

CREATE INDEX quality_runs_newest ON quality_runs (workspace_id, id);

-- place is the order: the worst first. symbol_id is NULL where a finding concerns the whole market.
CREATE TABLE quality_findings (
    run_id        bigint            NOT NULL REFERENCES quality_runs ON DELETE CASCADE,
    place         integer           NOT NULL,
    kind          text              NOT NULL,
    severity      text              NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    symbol_id     integer,
    first_on      date              NOT NULL,
    last_on       date              NOT NULL,
    detail        jsonb             NOT NULL,
    PRIMARY KEY (run_id, place)
);

CREATE INDEX quality_findings_symbol ON quality_findings (run_id, symbol_id);

-- Drop the partitions that end before a day, and return how many there were. The rows left before it are the caller's.
CREATE FUNCTION drop_partitions(bars regclass, before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    part     record;
    ends_on  date;
    dropped  integer := 0;
BEGIN
    FOR part IN
        SELECT child.relname AS name, substring(child.relname FROM '\d+$') AS span
          FROM pg_inherits
          JOIN pg_class child ON child.oid = inhrelid
         WHERE inhparent = bars
    LOOP
        ends_on := CASE length(part.span)
                        WHEN 4 THEN make_date(part.span::integer + 1, 1, 1)
                        WHEN 6 THEN (to_date(part.span, 'YYYYMM') + interval '1 month')::date
                   END;
        IF ends_on <= before THEN
            EXECUTE format('DROP TABLE %I', part.name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;

-- How bars are stored: native partitions, or hypertables of TimescaleDB; detail says why, for people.
CREATE TABLE bar_storage (
    kind          text         NOT NULL CHECK (kind IN ('partitions', 'timescaledb')),
    detail        text         NOT NULL,
    chosen_at     timestamptz  NOT NULL DEFAULT now(),
    is_only       boolean      NOT NULL DEFAULT true UNIQUE CHECK (is_only)
);

-- Bars move from native partitions, which cannot be converted, into hypertables: chunks of a year for days, of a week
-- for minutes. Compression needs the edition under the Timescale licence and is left out in the other one.
CREATE FUNCTION use_hypertables() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    compresses boolean;
BEGIN
    CREATE EXTENSION IF NOT EXISTS timescaledb;
    compresses := current_setting('timescaledb.license', true) = 'timescale';

    ALTER TABLE bars_daily RENAME TO bars_daily_before;
    CREATE TABLE bars_daily (LIKE bars_daily_before INCLUDING ALL);
    PERFORM create_hypertable('bars_daily', by_range('session_on', INTERVAL '1 year'), create_default_indexes => false);
    INSERT INTO bars_daily SELECT * FROM bars_daily_before;
    DROP TABLE bars_daily_before;

    ALTER TABLE bars_minute RENAME TO bars_minute_before;
    CREATE TABLE bars_minute (LIKE bars_minute_before INCLUDING ALL);
    PERFORM create_hypertable('bars_minute', by_range('opened_at', INTERVAL '1 week'), create_default_indexes => false);
    INSERT INTO bars_minute SELECT * FROM bars_minute_before;
    DROP TABLE bars_minute_before;

    -- Chunks make themselves, and go by drop_chunks.
    CREATE OR REPLACE FUNCTION ensure_daily_partition(year integer) RETURNS void LANGUAGE sql AS '';
    CREATE OR REPLACE FUNCTION ensure_minute_partition(month date) RETURNS void LANGUAGE sql AS '';
    CREATE OR REPLACE FUNCTION drop_partitions(bars regclass, before date) RETURNS integer LANGUAGE plpgsql AS $drop$
    BEGIN
        IF bars = 'bars_minute'::regclass THEN
            RETURN (SELECT count(*) FROM drop_chunks(bars, older_than => before::timestamptz));
        END IF;
        RETURN (SELECT count(*) FROM drop_chunks(bars, older_than => before));
    END $drop$;

    IF NOT compresses THEN
        RETURN 'hypertables, not compressed: the Apache edition';
    END IF;
    ALTER TABLE bars_daily SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol_id',
                                timescaledb.compress_orderby = 'session_on');
    ALTER TABLE bars_minute SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol_id',
                                 timescaledb.compress_orderby = 'opened_at');
    PERFORM add_compression_policy('bars_daily', INTERVAL '2 years');
    PERFORM add_compression_policy('bars_minute', INTERVAL '2 weeks');
    -- An import may correct a whole history: the usual limit of 100,000 rows a transaction is below that.
    EXECUTE format('ALTER DATABASE %I SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0',
                   current_database());
    RETURN 'hypertables, compressed: days after 2 years, minutes after 2 weeks';
END $$;

-- A library that is not preloaded ends the connection that asks for it, so it is looked for first.
CREATE FUNCTION choose_bar_storage() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    chosen text := 'partitions';
    why    text := 'the database does not offer TimescaleDB';
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        IF current_setting('shared_preload_libraries') !~ 'timescaledb' THEN
            why := 'TimescaleDB is there, but not in shared_preload_libraries';
        ELSE
            BEGIN
                why := use_hypertables();
                chosen := 'timescaledb';
            EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
                why := 'TimescaleDB is there, but cannot be used: ' || SQLERRM;
            END;
        END IF;
    END IF;
    INSERT INTO bar_storage (kind, detail) VALUES (chosen, why)
        ON CONFLICT (is_only) DO UPDATE SET kind = EXCLUDED.kind, detail = EXCLUDED.detail, chosen_at = now();
END $$;

SELECT choose_bar_storage();
