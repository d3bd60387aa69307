-- The W3C trace context of whoever asked for a job: its attempts go on with that trace.
ALTER TABLE jobs ADD COLUMN traceparent text;
