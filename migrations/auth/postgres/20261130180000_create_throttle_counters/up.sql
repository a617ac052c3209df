-- The counters of the throttle, where there is no Redis. The key is a keyed hash of an address or an identifier; the state is
-- read by the service alone.
CREATE TABLE throttle_counters (
    key BYTEA NOT NULL PRIMARY KEY,
    state BYTEA NOT NULL,
    -- When nothing counts any more, and the row may go.
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX throttle_counters_expires_at_ms ON throttle_counters (expires_at_ms);
