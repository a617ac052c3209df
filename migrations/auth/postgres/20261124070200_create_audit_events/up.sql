-- What concerns security, kept for audit.retention_days. Nothing here refers to another table: a record outlives what it is about.
CREATE TABLE audit_events (
    -- UUIDv7: sorts by time.
    id TEXT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    -- caller, operator, system
    actor TEXT NOT NULL,
    user_id TEXT,
    client_id TEXT,
    session_id TEXT,
    -- What else it is about: a key's id, a token's, the new roles.
    subject TEXT,
    reason TEXT,
    address TEXT,
    user_agent TEXT,
    request_id TEXT
);
