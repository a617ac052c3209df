-- Used tokens are forgotten soon after their use, and none by its expiry. (Tokens from before this name no session: whoever
-- has one logs in again.)
DROP INDEX refresh_tokens_expires_at_ms;
CREATE INDEX refresh_tokens_consumed_at_ms ON refresh_tokens (consumed_at_ms) WHERE consumed_at_ms IS NOT NULL;
