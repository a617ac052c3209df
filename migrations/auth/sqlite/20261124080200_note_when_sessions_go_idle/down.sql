CREATE INDEX sessions_expires_at_ms ON sessions (expires_at_ms);
DROP INDEX sessions_idle_expires_at_ms;
ALTER TABLE sessions DROP COLUMN idle_expires_at_ms;
