-- Facts about this database itself: its id.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Random server secrets, sealed with AES-256-GCM under keys.encryption_key, the name as associated data.
CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    ciphertext BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
