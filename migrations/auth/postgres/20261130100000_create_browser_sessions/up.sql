-- The sessions of people at the hosted pages. A browser holds the handle in a cookie; only its hash is stored.
CREATE TABLE browser_sessions (
    -- The `sid` of id_tokens and logout tokens.
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    handle_hash BYTEA NOT NULL,
    -- The handle before the last sign-in, which names the session for a short time, with the sign-in that it knew.
    previous_handle_hash BYTEA,
    previous_signed_in_at_ms BIGINT,
    handle_replaced_at_ms BIGINT,
    -- Of the user at the last sign-in: a session does not outlive a change of credentials.
    credentials_version BIGINT NOT NULL,
    amr TEXT NOT NULL,
    signed_in_at_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT NOT NULL,
    idle_expires_at_ms BIGINT NOT NULL,
    -- The absolute end: nothing that the session gives lives longer.
    expires_at_ms BIGINT NOT NULL,
    -- Until the first use: a session that nobody comes back to ends then.
    unused_expires_at_ms BIGINT,
    ended_at_ms BIGINT,
    end_reason TEXT,
    user_agent TEXT,
    address TEXT
);
CREATE UNIQUE INDEX browser_sessions_handle_hash ON browser_sessions (handle_hash);
CREATE INDEX browser_sessions_previous_handle_hash ON browser_sessions (previous_handle_hash);
CREATE INDEX browser_sessions_user_id ON browser_sessions (user_id);
CREATE INDEX browser_sessions_idle_expires_at_ms ON browser_sessions (idle_expires_at_ms);
CREATE INDEX browser_sessions_ended_at_ms ON browser_sessions (ended_at_ms);

-- The browser session that a client's session came from; null: it came from none.
ALTER TABLE sessions ADD COLUMN browser_session_id TEXT COLLATE "C";
-- Single members that the parameter `claims` asked for, beside those of the scope.
ALTER TABLE sessions ADD COLUMN userinfo_claims TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_browser_session_id ON sessions (browser_session_id);

ALTER TABLE authorization_codes ADD COLUMN browser_session_id TEXT COLLATE "C";
ALTER TABLE authorization_codes ADD COLUMN userinfo_claims TEXT NOT NULL DEFAULT '';
CREATE INDEX authorization_codes_browser_session_id ON authorization_codes (browser_session_id);

-- What a user allowed a client, until it is disconnected.
CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    allowed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client_id ON consents (client_id);

-- A client of the operator's own product: its users are never asked for consent.
ALTER TABLE clients ADD COLUMN is_first_party BOOLEAN NOT NULL DEFAULT FALSE;

-- The claims of OpenID Connect Core §5.1 that an operator set for a user, as a JSON object.
ALTER TABLE users ADD COLUMN profile_claims TEXT NOT NULL DEFAULT '{}';
