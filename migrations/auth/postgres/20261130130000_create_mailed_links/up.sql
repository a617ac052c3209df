-- Links that were mailed: to choose a new password, to verify an address, to register by invitation. The token itself is
-- in the mail alone; each try to send a mail has a token of its own.
CREATE TABLE mailed_links (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    -- The message of the queue that it was made for.
    message_id TEXT COLLATE "C" NOT NULL,
    -- What it is for; a link counts for nothing else.
    purpose TEXT COLLATE "C" NOT NULL,
    -- Null: an invitation, which belongs to nobody yet.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- The address that it was sent to, as typed and case folded.
    email TEXT NOT NULL,
    email_key TEXT COLLATE "C" NOT NULL,
    -- Of the user when it was made: a link does not outlive a change of credentials.
    credentials_version BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    -- A change of the password or the address ended it.
    ended_at_ms BIGINT,
    used_at_ms BIGINT,
    -- The version of the user's credentials that its use made, and how often the use was repeated.
    used_version BIGINT,
    replays BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX mailed_links_user_id ON mailed_links (user_id, created_at_ms);
CREATE INDEX mailed_links_email ON mailed_links (email_key, created_at_ms);
CREATE INDEX mailed_links_expires_at_ms ON mailed_links (expires_at_ms);

-- The address that replaces the user's once it is verified.
ALTER TABLE users ADD COLUMN pending_email TEXT;
-- Whether the user registered without an operator: registration.require_verified_email concerns such users alone.
ALTER TABLE users ADD COLUMN is_self_registered BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE users SET is_self_registered = TRUE
    WHERE id IN (SELECT user_id FROM audit_events WHERE kind = 'user.registered');

-- A verified address belongs to one user: the oldest of those who have it keeps it, the others keep it unverified. Their
-- number is logged by whoever migrates.
UPDATE users SET email_key = lower(coalesce(email_key, email))
    WHERE email IS NOT NULL AND (email_key IS NULL OR email_key <> lower(email_key));
ALTER TABLE users ALTER COLUMN email_key TYPE TEXT COLLATE "C";
INSERT INTO meta (name, value) SELECT 'verified_addresses_taken', CAST(COUNT(*) AS TEXT) FROM users WHERE email_verified AND EXISTS (
    SELECT 1 FROM users AS older WHERE older.email_key = users.email_key AND older.email_verified
        AND (older.created_at_ms < users.created_at_ms
            OR (older.created_at_ms = users.created_at_ms AND older.id < users.id)));
UPDATE users SET email_verified = FALSE WHERE email_verified AND EXISTS (
    SELECT 1 FROM users AS older WHERE older.email_key = users.email_key AND older.email_verified
        AND (older.created_at_ms < users.created_at_ms
            OR (older.created_at_ms = users.created_at_ms AND older.id < users.id)));
CREATE UNIQUE INDEX users_verified_email ON users (email_key) WHERE email_verified;
