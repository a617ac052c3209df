ALTER TABLE refresh_tokens DROP COLUMN refreshes_since_ms;
ALTER TABLE refresh_tokens DROP COLUMN refreshes;
ALTER TABLE refresh_tokens DROP COLUMN late_replays;
ALTER TABLE refresh_tokens DROP COLUMN first_caller;
