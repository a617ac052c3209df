CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    -- As typed, for display.
    username TEXT NOT NULL,
    -- NFKC, case folded: what is looked up.
    username_key TEXT NOT NULL UNIQUE,
    -- UTS 39 skeleton: two users must not look alike.
    username_skeleton TEXT NOT NULL UNIQUE,
    email TEXT,
    -- Not unique: an address that nobody proved to own must not keep its owner out.
    email_key TEXT,
    email_verified BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    -- Space-separated.
    roles TEXT NOT NULL,
    password_scheme TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    -- Grows with every change of what a login verifies.
    credentials_version BIGINT NOT NULL,
    -- The last cut (kind `sub`): tokens whose jti time is not later are revoked.
    token_cut_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX users_email_key_index ON users (email_key);
