-- expands: a column that an older version leaves alone
-- The Signals that were open when a recording began, so that it can be played again as it was.
ALTER TABLE feed_runs
    ADD COLUMN signals  json;
