-- Signals of each system, as they are now. content: the whole Signal as JSON, of which the columns are what is asked for.
CREATE TABLE signals (
    workspace_id  smallint          NOT NULL REFERENCES workspaces,
    id            text              NOT NULL,
    system        text              NOT NULL,
    symbol_id     integer           NOT NULL REFERENCES symbols ON DELETE CASCADE,
    armed_on      date              NOT NULL,
    version       text              NOT NULL,
    state         text              NOT NULL CHECK (state IN ('armed', 'triggered', 'closed', 'expired')),
    grade         text              NOT NULL CHECK (grade IN ('S', 'A', 'B', 'C')),
    gate          text              NOT NULL,
    score         double precision  NOT NULL,
    closed_on     date,
    content       json              NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

CREATE UNIQUE INDEX signals_one_open ON signals (workspace_id, system, symbol_id) WHERE state IN ('armed', 'triggered');
CREATE INDEX signals_newest ON signals (workspace_id, armed_on, id);
CREATE INDEX signals_symbol ON signals (symbol_id, armed_on);

-- Each step of a Signal's life: the Session whose bar made it, at the price as it was traded then.
CREATE TABLE signal_transitions (
    workspace_id  smallint          NOT NULL,
    signal_id     text              NOT NULL,
    place         smallint          NOT NULL,
    session_on    date              NOT NULL,
    state         text              NOT NULL,
    price         double precision  NOT NULL,
    reason        text              NOT NULL,
    PRIMARY KEY (workspace_id, signal_id, place),
    FOREIGN KEY (workspace_id, signal_id) REFERENCES signals ON DELETE CASCADE
);

-- The Sessions that were played, without a hole from a system's first to its last.
CREATE TABLE signal_sessions (
    workspace_id  smallint     NOT NULL REFERENCES workspaces,
    system        text         NOT NULL,
    session_on    date         NOT NULL,
    version       text         NOT NULL,
    data_version  bigint       NOT NULL,
    ran_at        timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, system, session_on)
);

-- What a version of a system stands for.
CREATE TABLE signal_rules (
    system        text         NOT NULL,
    version       text         NOT NULL,
    rules         json         NOT NULL,
    since         timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (system, version)
);

-- Closed by a person. They outlive their Signals: a history that is made anew closes them again.
CREATE TABLE signal_closings (
    workspace_id  smallint          NOT NULL REFERENCES workspaces,
    signal_id     text              NOT NULL,
    session_on    date              NOT NULL,
    price         double precision  NOT NULL,
    PRIMARY KEY (workspace_id, signal_id)
);
