-- What is known of a Symbol beside its names; `symbols` holds what holds now.
-- state: normal, or some of halted, administrative, caution.
ALTER TABLE symbols
    ADD COLUMN industry  text,
    ADD COLUMN isin      text,
    ADD COLUMN state     text;

-- What was said of a Symbol, field by field: the value holds from valid_from until the next row of the field, and was
-- last seen on seen_until. The newest row of a field equals the column in `symbols`; a field that only bars named in
-- passing has no row.
CREATE TABLE symbol_history (
    symbol_id     integer      NOT NULL REFERENCES symbols ON DELETE CASCADE,
    field         text         NOT NULL CHECK (field IN ('name', 'name_en', 'market', 'kind', 'sector', 'industry',
                                                         'isin', 'state')),
    valid_from    date         NOT NULL,
    seen_until    date         NOT NULL CHECK (seen_until >= valid_from),
    value         text         NOT NULL,
    PRIMARY KEY (symbol_id, field, valid_from)
);

-- Former listings of a code that is in use again, or whose Symbol came back; the newest listing stands in `symbols`.
CREATE TABLE former_listings (
    symbol_id     integer      NOT NULL REFERENCES symbols ON DELETE CASCADE,
    listed_on     date,
    delisted_on   date         NOT NULL,
    PRIMARY KEY (symbol_id, delisted_on),
    CHECK (listed_on <= delisted_on)
);

-- Every name a Symbol has or had, as it is searched: without space and case (plain), and by initial consonants.
CREATE TABLE symbol_names (
    symbol_id     integer      NOT NULL REFERENCES symbols ON DELETE CASCADE,
    plain         text         NOT NULL,
    choseong      text         NOT NULL,
    is_old        boolean      NOT NULL,
    PRIMARY KEY (symbol_id, plain)
);

-- Listed shares and market cap in won by date; NaN where a source has only one of them.
CREATE TABLE symbol_shares (
    symbol_id     integer           NOT NULL REFERENCES symbols ON DELETE CASCADE,
    session_on    date              NOT NULL,
    shares        double precision  NOT NULL DEFAULT 'NaN',
    market_cap    double precision  NOT NULL DEFAULT 'NaN',
    source_id     smallint          NOT NULL REFERENCES sources,
    PRIMARY KEY (symbol_id, session_on)
);

-- Net buying of a Symbol by investor class, in won (value) and in shares, and the shares that foreigners hold; NaN where
-- a source does not say. Positive is buying.
CREATE TABLE flows_daily (
    symbol_id           integer           NOT NULL REFERENCES symbols ON DELETE CASCADE,
    session_on          date              NOT NULL,
    foreign_value       double precision  NOT NULL DEFAULT 'NaN',
    institution_value   double precision  NOT NULL DEFAULT 'NaN',
    individual_value    double precision  NOT NULL DEFAULT 'NaN',
    foreign_shares      double precision  NOT NULL DEFAULT 'NaN',
    institution_shares  double precision  NOT NULL DEFAULT 'NaN',
    individual_shares   double precision  NOT NULL DEFAULT 'NaN',
    foreign_held        double precision  NOT NULL DEFAULT 'NaN',
    source_id           smallint          NOT NULL REFERENCES sources,
    PRIMARY KEY (symbol_id, session_on)
);

CREATE TABLE indices (
    id            integer      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    code          text         NOT NULL,
    UNIQUE (workspace_id, code)
);

-- Points, shares, won; NaN where a source has only the close.
CREATE TABLE index_bars (
    index_id      integer           NOT NULL REFERENCES indices ON DELETE CASCADE,
    session_on    date              NOT NULL,
    open          double precision  NOT NULL DEFAULT 'NaN',
    high          double precision  NOT NULL DEFAULT 'NaN',
    low           double precision  NOT NULL DEFAULT 'NaN',
    close         double precision  NOT NULL,
    volume        double precision  NOT NULL DEFAULT 'NaN',
    value         double precision  NOT NULL DEFAULT 'NaN',
    market_cap    double precision  NOT NULL DEFAULT 'NaN',
    source_id     smallint          NOT NULL REFERENCES sources,
    PRIMARY KEY (index_id, session_on)
);

ALTER TABLE import_runs DROP CONSTRAINT import_runs_kind_check;
ALTER TABLE import_runs ADD  CONSTRAINT import_runs_kind_check
    CHECK (kind IN ('bars', 'symbols', 'simulated', 'shares', 'flows', 'index'));

-- A person's own lists of Symbols: watchlists, and named lists to screen.
CREATE TABLE symbol_lists (
    id            integer      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    name          text         NOT NULL CHECK (name <> ''),
    kind          text         NOT NULL DEFAULT 'list' CHECK (kind IN ('list', 'watchlist')),
    note          text         NOT NULL DEFAULT '',
    tags          text[]       NOT NULL DEFAULT '{}',
    created_at    timestamptz  NOT NULL DEFAULT now(),
    updated_at    timestamptz  NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX symbol_lists_name ON symbol_lists (workspace_id, lower(name));

-- place keeps the order in which Symbols were added.
CREATE TABLE symbol_list_members (
    list_id       integer      NOT NULL REFERENCES symbol_lists ON DELETE CASCADE,
    symbol_id     integer      NOT NULL REFERENCES symbols ON DELETE CASCADE,
    place         bigint       NOT NULL GENERATED ALWAYS AS IDENTITY,
    note          text         NOT NULL DEFAULT '',
    tags          text[]       NOT NULL DEFAULT '{}',
    added_at      timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (list_id, symbol_id)
);

-- The names known so far. Initial consonants of Hangul: the syllables from U+AC00 on come in 19 runs of 588.
INSERT INTO symbol_names (symbol_id, plain, choseong, is_old)
     SELECT id, plain,
            (SELECT string_agg(CASE WHEN ascii(sign) BETWEEN 44032 AND 55203
                                    THEN substr('ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ', (ascii(sign) - 44032) / 588 + 1, 1)
                                    ELSE sign END, '' ORDER BY place)
               FROM string_to_table(plain, NULL) WITH ORDINALITY AS signs (sign, place)),
            false
       FROM (SELECT DISTINCT id, lower(regexp_replace(given, '\s', '', 'g')) AS plain
               FROM symbols CROSS JOIN unnest(ARRAY[name, name_en]) AS given
              WHERE given IS NOT NULL) AS known
      WHERE plain <> '';
