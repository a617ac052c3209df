-- No token that the key signed ends later: raised before such a token is signed, so that the key stays published until it.
ALTER TABLE signing_keys ADD COLUMN tokens_end_by_s BIGINT NOT NULL DEFAULT 0;
-- A day is the longest life that a token could have had.
UPDATE signing_keys SET tokens_end_by_s = (SELECT COALESCE(MAX(access_expires_at_s), 0) + 86400 FROM sessions);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active';
