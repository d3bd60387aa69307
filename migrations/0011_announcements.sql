-- What live topics announced, so that a client that was away is told all of it. Numbers count within an epoch, which
-- begins when whoever publishes cannot go on from the number before; is_cut: its oldest announcements were removed.
CREATE TABLE stream_epochs (
    no         bigint       PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    epoch      text         NOT NULL UNIQUE,
    workspace  text         NOT NULL,
    began_at   timestamptz  NOT NULL DEFAULT now(),
    is_cut     boolean      NOT NULL DEFAULT false
);

CREATE TABLE announcements (
    topic         text         NOT NULL,
    epoch_no      bigint       NOT NULL REFERENCES stream_epochs,
    number        bigint       NOT NULL,
    key           text,
    content       text         NOT NULL,
    announced_at  timestamptz  NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, epoch_no, number)
);

CREATE INDEX announcements_by_age ON announcements USING brin (announced_at);
