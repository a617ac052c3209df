CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    amr TEXT NOT NULL,
    auth_time_s BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT NOT NULL,
    -- The absolute end: nothing that the session gives lives longer.
    expires_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    end_reason TEXT,
    user_agent TEXT,
    address TEXT,
    -- When the last access token of this session ends: until then a revocation of it must be remembered.
    access_expires_at_s BIGINT NOT NULL
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at_ms ON sessions (expires_at_ms);
CREATE INDEX sessions_ended_at_ms ON sessions (ended_at_ms);

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token; the token itself is stored nowhere.
    token_hash BYTEA NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    consumed_at_ms BIGINT
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires_at_ms ON refresh_tokens (expires_at_ms);
