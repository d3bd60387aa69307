-- expands: columns that an older version leaves alone
-- Attempts that ended without a fault of their job, beside those that were handed over: both do not count.
ALTER TABLE jobs
    ADD COLUMN lost_attempt  integer,      -- taken from a worker that was silent; it does not count if that one is heard of again
    ADD COLUMN away_since    timestamptz;  -- since when each attempt ended because Postgres or Redis was away
