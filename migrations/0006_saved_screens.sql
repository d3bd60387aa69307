-- Screens that a person keeps. What is removed stays until it is restored, with its versions and hits; its name is free.
-- schedule and watch say when it shall run by itself; is_system that its matches become signals.
CREATE TABLE screens (
    id            integer      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    name          text         NOT NULL CHECK (name <> ''),
    note          text         NOT NULL DEFAULT '',
    tags          text[]       NOT NULL DEFAULT '{}',
    columns       text[]       NOT NULL DEFAULT '{}',
    sort          text,
    sort_order    text         CHECK (sort_order IN ('asc', 'desc')),
    schedule      text,
    watch         boolean      NOT NULL DEFAULT false,
    is_system     boolean      NOT NULL DEFAULT false,
    version       integer      NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at    timestamptz  NOT NULL DEFAULT now(),
    updated_at    timestamptz  NOT NULL DEFAULT now(),
    removed_at    timestamptz
);

CREATE UNIQUE INDEX screens_name ON screens (workspace_id, lower(name)) WHERE removed_at IS NULL;

-- What decides who matches: the expression (as it was written) and the universe, JSON of a text or of codes.
CREATE TABLE screen_versions (
    screen_id     integer      NOT NULL REFERENCES screens ON DELETE CASCADE,
    version       integer      NOT NULL CHECK (version > 0),
    expression    text         NOT NULL,
    universe      text         NOT NULL DEFAULT 'null',
    created_at    timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (screen_id, version)
);

-- A link to a version as of a Session (NULL: the newest); it opens while the screen is there.
CREATE TABLE screen_shares (
    token         text         PRIMARY KEY,
    screen_id     integer      NOT NULL,
    version       integer      NOT NULL,
    as_of         date,
    created_at    timestamptz  NOT NULL DEFAULT now(),
    FOREIGN KEY (screen_id, version) REFERENCES screen_versions ON DELETE CASCADE
);

CREATE INDEX screen_shares_screen ON screen_shares (screen_id);

-- Each run of a saved screen. wrote_hits: the first of its version and Session, whose matches are in screen_hits.
CREATE TABLE screen_runs (
    id            bigint            PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    screen_id     integer           NOT NULL,
    version       integer           NOT NULL,
    session_on    date              NOT NULL,
    data_version  bigint            NOT NULL,
    scanned       integer           NOT NULL,
    matches       integer           NOT NULL,
    timing_ms     double precision  NOT NULL,
    wrote_hits    boolean           NOT NULL,
    ran_at        timestamptz       NOT NULL DEFAULT now(),
    FOREIGN KEY (screen_id, version) REFERENCES screen_versions ON DELETE CASCADE
);

CREATE UNIQUE INDEX screen_runs_once ON screen_runs (screen_id, version, session_on) WHERE wrote_hits;
CREATE INDEX screen_runs_newest ON screen_runs (screen_id, id);

-- Who matched, written once a version and Session and never changed: what the screen said on that day's data.
CREATE TABLE screen_hits (
    screen_id     integer           NOT NULL,
    version       integer           NOT NULL,
    session_on    date              NOT NULL,
    symbol_id     integer           NOT NULL REFERENCES symbols ON DELETE CASCADE,
    score         double precision  NOT NULL,
    PRIMARY KEY (screen_id, session_on, version, symbol_id),
    FOREIGN KEY (screen_id, version) REFERENCES screen_versions ON DELETE CASCADE
);

CREATE INDEX screen_hits_symbol ON screen_hits (symbol_id, session_on);
