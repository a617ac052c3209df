CREATE TABLE clients (
    -- The client_id (RFC 6749 §2.2).
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- RFC 6749 §2.1: without a secret.
    is_public BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    -- Whether the configuration file declares it.
    is_declared BOOLEAN NOT NULL,
    -- Lists are separated by spaces, which none of their members can hold.
    grants TEXT NOT NULL,
    scopes TEXT NOT NULL,
    audiences TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    -- For a confidential client: whether a code may be asked for without PKCE.
    pkce_optional BOOLEAN NOT NULL,
    -- Lifetimes of its own; the settings' where there is none.
    access_ttl_s BIGINT,
    refresh_ttl_s BIGINT,
    -- The longest that an access token of this client may have been given for.
    longest_access_ttl_s BIGINT NOT NULL,
    -- The last cut (kind `client`): tokens whose jti time is not later are revoked.
    token_cut_ms BIGINT,
    -- Set when it is switched off, until the cut that follows is in the log.
    cut_is_due BOOLEAN NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE TABLE client_secrets (
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    -- SHA-256 of the secret, which is 256 random bits: a fast hash is enough.
    secret_hash BLOB NOT NULL,
    created_at_ms BIGINT NOT NULL,
    -- Set on the one that a rotation replaces.
    expires_at_ms BIGINT,
    PRIMARY KEY (client_id, secret_hash)
);

-- One row: grows with every change of a client, so that replicas notice by looking at one number.
CREATE TABLE client_registry (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO client_registry (id, version) VALUES (1, 0);

CREATE TABLE authorization_codes (
    -- SHA-256 of the code; the code itself is stored nowhere.
    code_hash BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Of the user when the code was given: a code does not outlive a change of password.
    credentials_version BIGINT NOT NULL,
    redirect_uri TEXT NOT NULL,
    -- RFC 7636: the S256 challenge, where there was one.
    code_challenge TEXT,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    nonce TEXT,
    amr TEXT NOT NULL,
    auth_time_s BIGINT NOT NULL,
    user_agent TEXT,
    address TEXT,
    issued_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    consumed_at_ms BIGINT,
    -- What it gave: ends when the code is used again.
    session_id TEXT
);
CREATE INDEX authorization_codes_client_id ON authorization_codes (client_id);
CREATE INDEX authorization_codes_user_id ON authorization_codes (user_id);
CREATE INDEX authorization_codes_expires_at_ms ON authorization_codes (expires_at_ms);

-- The resources that the session's tokens are for, besides the issuer; empty: the first-party audience.
ALTER TABLE sessions ADD COLUMN audience TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_client_id ON sessions (client_id);
