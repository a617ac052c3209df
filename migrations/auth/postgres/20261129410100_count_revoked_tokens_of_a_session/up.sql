-- Of a fact about a single token: its session, so that such facts of one session can be counted.
ALTER TABLE revocations ADD COLUMN session_id TEXT COLLATE "C";
CREATE INDEX revocations_session_id ON revocations (session_id) WHERE session_id IS NOT NULL;
