-- Splits, bonus issues and the like. ratio says what one old share becomes: prices of raw bars before effective_on are
-- divided by it and their volumes multiplied. Only confirmed ones adjust anything, and nothing knows of one before its
-- day. evidence is what a proposal was made from; confidence is from 0 to 1, and 1 where a person or a file said it.
CREATE TABLE corporate_actions (
    id            bigint            PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    symbol_id     integer           NOT NULL REFERENCES symbols ON DELETE CASCADE,
    effective_on  date              NOT NULL,
    kind          text              NOT NULL CHECK (kind IN ('split', 'reverse_split', 'bonus', 'par_change', 'rights',
                                                             'other')),
    ratio         double precision  NOT NULL CHECK (ratio > 0 AND ratio < 'Infinity'),
    state         text              NOT NULL CHECK (state IN ('proposed', 'confirmed', 'rejected')),
    origin        text              NOT NULL CHECK (origin IN ('file', 'proposal', 'simulator')),
    confidence    double precision  NOT NULL DEFAULT 1 CHECK (confidence BETWEEN 0 AND 1),
    evidence      jsonb             NOT NULL DEFAULT '{}',
    created_at    timestamptz       NOT NULL DEFAULT now(),
    decided_at    timestamptz,
    UNIQUE (symbol_id, effective_on, kind)
);

-- What the exchange set a Session's limits from, in won as traded, where it is not the last close: on the day of a
-- split it tells the ratio.
CREATE TABLE base_prices (
    symbol_id     integer           NOT NULL REFERENCES symbols ON DELETE CASCADE,
    session_on    date              NOT NULL,
    price         double precision  NOT NULL CHECK (price > 0 AND price < 'Infinity'),
    PRIMARY KEY (symbol_id, session_on)
);

