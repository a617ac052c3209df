DROP INDEX refresh_tokens_consumed_at_ms;
CREATE INDEX refresh_tokens_expires_at_ms ON refresh_tokens (expires_at_ms);
