-- When the session ends if it gives no token before: with its refresh token. Written once a minute at most, and so up to
-- a minute late. Never more than that past expires_at_ms, so that this column alone says what may be forgotten.
ALTER TABLE sessions ADD COLUMN idle_expires_at_ms BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET idle_expires_at_ms = expires_at_ms;
CREATE INDEX sessions_idle_expires_at_ms ON sessions (idle_expires_at_ms);
DROP INDEX sessions_expires_at_ms;
