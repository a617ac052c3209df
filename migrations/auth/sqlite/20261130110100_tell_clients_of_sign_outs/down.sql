ALTER TABLE browser_sessions DROP COLUMN client_ids;
ALTER TABLE clients DROP COLUMN backchannel_logout_uri;
