CREATE TABLE tokens (
    hash BLOB PRIMARY KEY NOT NULL,
    family TEXT NOT NULL,
    consumed_at_ms INTEGER,
    is_active BOOLEAN NOT NULL
);
CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL);
INSERT INTO counters (name, value) VALUES ('hits', 0);
