-- Where a client is told that somebody signed out (OpenID Connect Back-Channel Logout 1.0); null: it is not told.
ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT;

-- The clients that got a code from the session, separated by spaces.
ALTER TABLE browser_sessions ADD COLUMN client_ids TEXT NOT NULL DEFAULT '';
