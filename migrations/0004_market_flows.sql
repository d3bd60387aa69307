-- Markets as a whole: KOSPI, KOSDAQ.
CREATE TABLE markets (
    id            integer      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    code          text         NOT NULL,
    UNIQUE (workspace_id, code)
);

-- Net buying on a whole market by class of investor, in won; positive is buying. The first four sum to about 0, the
-- others are the parts of institution. NaN where a source does not say.
CREATE TABLE market_flows_daily (
    market_id          integer           NOT NULL REFERENCES markets ON DELETE CASCADE,
    session_on         date              NOT NULL,
    individual_value   double precision  NOT NULL DEFAULT 'NaN',
    foreign_value      double precision  NOT NULL DEFAULT 'NaN',
    institution_value  double precision  NOT NULL DEFAULT 'NaN',
    other_corp_value   double precision  NOT NULL DEFAULT 'NaN',
    fin_invest_value   double precision  NOT NULL DEFAULT 'NaN',
    insurance_value    double precision  NOT NULL DEFAULT 'NaN',
    trust_value        double precision  NOT NULL DEFAULT 'NaN',
    bank_value         double precision  NOT NULL DEFAULT 'NaN',
    other_fin_value    double precision  NOT NULL DEFAULT 'NaN',
    pension_value      double precision  NOT NULL DEFAULT 'NaN',
    source_id          smallint          NOT NULL REFERENCES sources,
    PRIMARY KEY (market_id, session_on)
);

-- Grows when flows or index bars change: what is cached of them is read again only then.
ALTER TABLE workspaces ADD COLUMN beside_version bigint NOT NULL DEFAULT 0;

UPDATE workspaces w
   SET beside_version = 1
 WHERE EXISTS (SELECT FROM flows_daily f JOIN symbols s ON s.id = f.symbol_id WHERE s.workspace_id = w.id)
    OR EXISTS (SELECT FROM index_bars b JOIN indices i ON i.id = b.index_id WHERE i.workspace_id = w.id);

-- The kinds of imports are the code's to know: a list here would have to follow it.
ALTER TABLE import_runs DROP CONSTRAINT import_runs_kind_check;
ALTER TABLE import_runs ADD  CONSTRAINT import_runs_kind_check CHECK (kind ~ '^[a-z][a-z-]{0,30}$');

-- Other exchanges have codes such as M&M.
ALTER TABLE symbols DROP CONSTRAINT symbols_code_check;
ALTER TABLE symbols ADD  CONSTRAINT symbols_code_check CHECK (code ~ '^[A-Z0-9][A-Z0-9.:/_&-]{0,19}$');

-- As bars do, flows do without foreign keys: two checks a row were half the time of storing a market's flows.
ALTER TABLE flows_daily DROP CONSTRAINT flows_daily_symbol_id_fkey;
ALTER TABLE flows_daily DROP CONSTRAINT flows_daily_source_id_fkey;
