CREATE TABLE tokens (
    hash BYTEA PRIMARY KEY NOT NULL,
    family TEXT NOT NULL,
    consumed_at_ms BIGINT,
    is_active BOOLEAN NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value BIGINT NOT NULL);
INSERT INTO counters (name, value) VALUES ('hits', 0);
