-- Messages that the service sends to others, such as logout tokens. A row is written by the transaction that causes the
-- message, and deleted when the message was delivered.
CREATE TABLE queue_messages (
    id TEXT NOT NULL PRIMARY KEY,
    -- What the message is: it decides how the payload is sent.
    kind TEXT NOT NULL,
    -- Whom it is for, to be shown to operators.
    receiver TEXT NOT NULL,
    -- Messages of one lane are limited together: so many at a time, or one after the other.
    lane TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    -- A try that fails after this is the last one.
    give_up_at_ms BIGINT NOT NULL,
    -- When it is to be tried; while a replica tries it, when another one may take it over; null once it was given up.
    due_at_ms BIGINT,
    -- How often it was tried, the current try included.
    tries BIGINT NOT NULL DEFAULT 0,
    -- The replica that tries it.
    claimed_by TEXT,
    failed_at_ms BIGINT,
    last_error TEXT
);
CREATE INDEX queue_messages_due_at_ms ON queue_messages (due_at_ms, id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX queue_messages_lane_due_at_ms ON queue_messages (lane, due_at_ms, id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX queue_messages_lane_id ON queue_messages (lane, id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX queue_messages_claimed_by ON queue_messages (claimed_by, lane) WHERE claimed_by IS NOT NULL;
CREATE INDEX queue_messages_failed_at_ms ON queue_messages (failed_at_ms) WHERE failed_at_ms IS NOT NULL;

-- The row that is locked while messages are claimed, so that replicas take turns.
INSERT INTO meta (name, value) VALUES ('queue', '');
