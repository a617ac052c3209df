-- The caller whose request the token answered first, as a keyed hash: a replay from elsewhere is recorded.
ALTER TABLE refresh_tokens ADD COLUMN first_caller BIGINT;
-- How often it answered its parent again, later than the first seconds after the parent's use.
ALTER TABLE refresh_tokens ADD COLUMN late_replays BIGINT NOT NULL DEFAULT 0;
-- The refreshes of its session in a minute that began then: counted in the newest token and handed on to the next.
ALTER TABLE refresh_tokens ADD COLUMN refreshes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refresh_tokens ADD COLUMN refreshes_since_ms BIGINT NOT NULL DEFAULT 0;
